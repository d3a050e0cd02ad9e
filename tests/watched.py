"""Looks at each call of a port, and each of AWS, that the tests bring about in their own process.

What is read from the code that makes it (deploy/cloudformation/uses.py), or declared of it (actions of manifests), must cover
it, as a role that lacked it would break that code on AWS.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Final

from botocore.client import BaseClient

from apps.invocation.adapters.bedrock.wire import Runtime
from deploy.cloudformation.code import Name, code
from deploy.cloudformation.grants import SECRETS
from deploy.cloudformation.reach import uses_of
from deploy.cloudformation.uses import ANY, VERBS
from foundation import adapters, tally
from foundation.apps import Foundation
from foundation.manifest import capabilities
from foundation.records import update
from tests.servers.aws_calls import CALLS

INSIDE: Final = ("foundation.adapters.", "foundation.local_secrets", "foundation.together")
FOR_OTHERS: Final = {update.__code__: "update", tally.count.__code__: ""}  # what asks for its caller, and the verb that this is
NOT_ON_AWS: Final = "apps.issuer"
faults: Final[list[str]] = []
covered: Final[set[tuple[Name, str, str]]] = set()


def watch() -> None:
    """Watch from now on."""
    BaseClient._make_api_call = _watched_client(BaseClient._make_api_call)
    Runtime.headers = _watched_runtime(Runtime.headers)  # type: ignore[method-assign]
    for port, verbs in VERBS.items():
        adapter = type(getattr(adapters, port))
        for verb in verbs:
            setattr(adapter, verb, _watched(port, verb, getattr(adapter, verb)))


def _watched(port: str, verb: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def asked(self: Any, *given: Any, **named: Any) -> Any:
        if self is getattr(adapters, port):
            _look(port, verb, given, named)
        return plain(self, *given, **named)

    return asked


def _look(port: str, verb: str, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(INSIDE):
        frame = frame.f_back
    if frame is not None and frame.f_code in FOR_OTHERS:
        verb, frame = FOR_OTHERS[frame.f_code] or verb, frame.f_back
    if frame is None:
        return
    unit = _unit(str(frame.f_globals.get("__name__")), frame.f_code)
    if unit is None:
        return
    if port == "secrets" and given[0] not in Foundation.secrets and not unit[0].startswith(NOT_ON_AWS):
        for action in (action for action, verbs in SECRETS.items() if verb in verbs):
            _look_at_action(action)
    for on in _things(port, verb, given, named):
        if (unit, verb, on) not in covered:
            if not any(_covers(use, port, verb, on, named) for use in uses_of(unit)):
                faults.append(f"{unit[0]}:{unit[1]} asks for {verb} of {on} in {port}, and uses.py does not say so")
            covered.add((unit, verb, on))


def _watched_client(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def asked(self: Any, operation: str, given: Any) -> Any:
        _look_at_action(f"{self.meta.service_model.service_name}:{operation}")
        return plain(self, operation, given)

    return asked


def _watched_runtime(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    async def asked(self: Any, path: str, body: bytes, accepted: str) -> Any:
        _look_at_action(f"bedrock:{CALLS[path.rpartition('/')[2]]}")
        return await plain(self, path, body, accepted)

    return asked


def _look_at_action(action: str) -> None:
    """Of an action that manifests declare, one of the functions that they name must have come to this."""
    by = callers().get(action)
    if by is None:
        return
    units = [*_units(sys._getframe(2))]
    if units and by.isdisjoint(units):
        faults.append(f"{units[0][0]}:{units[0][1]} comes to {action}, and no manifest's action names a function on its way")


def _units(frame: FrameType | None) -> Iterator[Name]:
    """The units whose code is under way, the innermost first."""
    while frame is not None:
        unit = _unit(str(frame.f_globals.get("__name__")), frame.f_code)
        if unit is not None:
            yield unit
        frame = frame.f_back


@functools.cache
def callers() -> dict[str, set[Name]]:
    """The functions that the manifests name, by action."""
    found: dict[str, set[Name]] = {}
    for action in (action for each in capabilities("apps") for action in each.manifest.actions):
        found.setdefault(action.name, set()).update(
            (module, name) for module, _, name in (by.partition(":") for by in action.by)
        )
    return found


def _covers(use: Any, port: str, verb: str, on: str, named: dict[str, Any]) -> bool:
    given = {name for name in ("once", "initial") if named.get(name) is not None}
    return (
        (use.port, use.verb) == (port, verb)
        and use.on in (on, ANY)
        and use.index in (named.get("index") or "", ANY)
        and given <= use.further
    )


def _things(port: str, verb: str, given: tuple[Any, ...], named: dict[str, Any]) -> Iterator[str]:
    """The tables, folders, queues or secrets that a call is about."""
    if port == "records":
        held = given[0] if verb in ("add", "batch", "remove") else given[:1]
        yield from {each.kind.table for each in held}
    elif port == "files":
        yield given[0].partition("/")[0]
    else:
        yield str(named.get("queue") or (given[0] if given else ""))


@functools.cache
def _unit(module: str, called: CodeType) -> Name | None:
    """The unit that some code of ours is part of; None for code of the tests and of others."""
    if not module.startswith(("apps.", "foundation.")):
        return None
    outer = called.co_qualname.partition(".<locals>")[0]
    known = code().units
    if (module, outer) in known:
        return module, outer
    return next(
        (name for name, unit in known.items() if name[0] == module and any(_spans(node, called) for node in unit.nodes)), None
    )


def _spans(node: Any, called: CodeType) -> bool:
    return bool(node.lineno <= called.co_firstlineno <= node.end_lineno)
