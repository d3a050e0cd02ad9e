"""What a capability declares about itself, and all that follows from which of them a process serves."""

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from django.apps import AppConfig

from foundation.records import Record


def minutes(count: float) -> timedelta:
    """A time span, as a manifest reads best."""
    return timedelta(minutes=count)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and its worker: how long one delivery may take, and after how many deliveries a message is dead."""

    name: str
    visibility: timedelta
    attempts: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The first part of file paths that the capability reads, or also writes; `days` after which a file is removed, if so."""

    name: str
    writes: bool
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An IAM action that the capability's own code calls, on what, why, and where.

    `resource` is `*` or an ARN in which names such as `${AWS::Region}` or `${CollectionArn}` stand for what a deployment has.
    `by`: the functions that call it, as `module:name` or `module:Class.name`; the action is granted to a process whose code
    can come to one of them.
    """

    name: str
    resource: str
    reason: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One capability, as data.

    prefixes: the first parts of its paths, without slashes at the ends; several capabilities may not share one.
    whole_paths: its urls.py has whole paths, each under one of its prefixes or the bare `/`, instead of what follows a prefix.
    services: names under which `/<name>/service/health` and `/<name>/service/meta` answer for it.
    keeps: records of the foundation that it writes; what every process reads of them, the foundation says.
    calls: the other capabilities whose services it calls in process.
    actions: IAM actions that no record, queue or folder implies, and the functions that call them.
    uploads: those of its paths whose body is a file, for which UPLOAD_LIMIT_MB holds and not BODY_LIMIT_MB.
    keys: those of its prefixes to which callers come with API keys, as the SDKs of model providers do; what stands before
    the services on AWS asks for no access token there, and the service verifies either.
    hot: `module:routes`, the async routes that stand in front of Django.
    described: `module:PATHS`, those of its paths that are views of Django's own, as path items of the OpenAPI document.
    prepare: `module:function`, run once by `manage.py up` before anything serves; safe to repeat; returns lines to show.
    django: `module:function`, called with the Settings when Django is configured; returns Django settings to add: a list
    is appended to the one there is, any other value stands as it is.
    checks: `module:function`, run by `manage.py doctor`; yields foundation.doctor.Finding.
    before: `module:function`, called by `manage.py deploy-check --before` with a region; yields foundation.doctor.Finding.
    starts: `module:function`, run in each web and worker process when it begins to serve.
    metrics: `module:function`, run when GET /metrics is asked; yields what prometheus-client calls metric families.
    platforms: on which platforms it exists at all.
    front: what every process answers (`/docs`, `/openapi.json` …) is asked of its process from outside, so that its document
    tells of the whole platform.
    """

    title: str
    prefixes: tuple[str, ...] = ()
    whole_paths: bool = False
    services: tuple[str, ...] = ()
    records: tuple[type[Record], ...] = ()
    keeps: tuple[type[Record], ...] = ()
    queues: tuple[Queue, ...] = ()
    files: tuple[Folder, ...] = ()
    calls: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    uploads: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    hot: str | None = None
    described: str | None = None
    prepare: str | None = None
    django: str | None = None
    checks: str | None = None
    before: str | None = None
    starts: str | None = None
    metrics: str | None = None
    platforms: tuple[str, ...] = ("embedded", "aws")
    front: bool = False


class Capability(AppConfig):
    """The AppConfig of a capability; `apps.py` subclasses it, once, with `name` and `manifest`."""

    manifest: ClassVar[Manifest]
    default_auto_field = "django.db.models.AutoField"  # there is no database; this keeps Django's check quiet


@dataclass(frozen=True)
class House:
    """Which capabilities there are, which of them this process serves, and which it needs for that."""

    capabilities: tuple[type[Capability], ...]
    served: tuple[type[Capability], ...]

    @cached_property
    def needed(self) -> tuple[type[Capability], ...]:
        """The served ones and, over `calls`, all that they need in process; in the order of the folder."""
        by_name = {capability.name: capability for capability in self.capabilities}
        found: dict[str, None] = {}
        waiting = [capability.name for capability in self.served]
        while waiting:
            name = waiting.pop()
            if name in by_name and name not in found:
                found[name] = None
                waiting.extend(by_name[name].manifest.calls)
        return tuple(capability for capability in self.capabilities if capability.name in found)

    @property
    def told(self) -> tuple[type[Capability], ...]:
        """Those that its OpenAPI document tells of: the served ones, or every one where the front is served."""
        return self.capabilities if any(capability.manifest.front for capability in self.served) else self.served

    @property
    def queues(self) -> tuple[Queue, ...]:
        """The queues that workers of this process serve."""
        return tuple(queue for capability in self.served for queue in capability.manifest.queues)

    @property
    def known_queues(self) -> tuple[Queue, ...]:
        """Every queue that code of this process may send to."""
        return tuple(queue for capability in self.needed for queue in capability.manifest.queues)


def capabilities(package: str) -> tuple[type[Capability], ...]:
    """Every capability in a package: the Capability that each of its sub-packages declares in apps.py."""
    folder = importlib.import_module(package)
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__) if module.ispkg)
    return tuple(_declared(importlib.import_module(f"{package}.{name}.apps")) for name in names)


def _declared(module: Any) -> type[Capability]:
    (declared,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Capability) and value is not Capability
    )
    return declared


def short(capability: type[Capability]) -> str:
    """The name by which SERVE calls it: the last part of its package."""
    return capability.name.rpartition(".")[2]


def furnish(everything: Sequence[type[Capability]], serve: Iterable[str], platform: str) -> House:
    """The house of a process. `serve` holds short names, or `all`; ValueError names an unknown one and the known ones."""
    present = tuple(capability for capability in everything if platform in capability.manifest.platforms)
    by_name = {short(capability): capability for capability in present}
    wanted = list(serve)
    unknown = [name for name in wanted if name not in by_name and name != "all"]
    if unknown or not wanted:
        named = ", ".join(unknown) or "nothing"
        raise ValueError(f"SERVE names {named}; it may hold all, or some of {', '.join(by_name)}, separated by commas")
    served = present if "all" in wanted else tuple(by_name[name] for name in by_name if name in wanted)
    return House(present, served)


def load(reference: str) -> Any:
    """What a manifest's `module:name` stands for."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def begin(house: House) -> None:
    """Start what the capabilities that this process needs have to run beside its work."""
    for capability in house.needed:
        if capability.manifest.starts:
            load(capability.manifest.starts)()
