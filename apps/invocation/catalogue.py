"""Which models there are by name, and which of them answers for which name.

The rows come from catalogue.json, from OPENAI_MODELS, from administrators, and from aliases that bring a new name.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from apps.invocation.records import PLATFORM, CatalogueRow, Kind, Model, State
from foundation.adapters import records
from foundation.errors import Invalid, ModelUnavailable, Unavailable, UnknownModel
from foundation.fresh import Recent
from foundation.records import MAXIMUM_PAGE
from foundation.settings import CHOSEN

ROWS: Final = Path(__file__).with_name("catalogue.json")
WILD: Final = frozenset("*?[")
UNKNOWN: Final = "unknown"  # what the account calls the models that there are not; no model has this name

CALLED: Final = {Kind.TEXT: "a text", Kind.EMBED: "an embed", Kind.RERANK: "a rerank"}
ELSEWHERE: Final = {Kind.EMBED: "; call /model/embed or /v1/embeddings"}


class Served(Struct, frozen=True):
    """A model that was asked for, and the one that answers."""

    asked: Model
    by: Model


class _File(Struct, frozen=True):
    date: str
    source: str
    models: tuple[Model, ...]


class Alias(Struct, frozen=True):
    """A line of MODEL_ALIASES. An exact name may be new; a pattern covers names that are in the catalogue."""

    kind: Kind
    pattern: str
    target: str

    @property
    def is_exact(self) -> bool:
        return not WILD & set(self.pattern)

    def covers(self, model: Model) -> bool:
        return model.kind is self.kind and (model.name == self.pattern or fnmatchcase(model.name, self.pattern))


class Catalogue:
    """Names, in the order of their listing; a later row of the same name takes the earlier one's place."""

    def __init__(self, rows: Iterable[Model], aliases: Iterable[Alias] = ()) -> None:
        self.aliases = tuple(sorted(aliases, key=lambda alias: not alias.is_exact))
        self.models = {model.name: model for model in rows}
        self.serves: dict[tuple[str, Kind], Served] = {}
        for alias in self.aliases:
            target = self.models.get(alias.target)
            if target is None or target.kind is not alias.kind or not target.usable:
                able = ", ".join(m.name for m in self.models.values() if m.kind is alias.kind and m.usable)
                raise ValueError(f"MODEL_ALIASES lets {alias.target!r} answer; for {alias.kind} it may be one of {able}")
            if alias.is_exact and alias.pattern not in self.models:
                self.models[alias.pattern] = Model(alias.pattern, alias.pattern, alias.kind, "")

    @cached_property
    def ids(self) -> Mapping[str, Model]:
        """The models by their ids at their providers."""
        return {model.id: model for model in reversed(self.models.values())}

    @cached_property
    def other_names(self) -> Mapping[str, Model]:
        """The models by their other names."""
        return {alias: model for model in self.models.values() for alias in model.aliases}

    def answering(self, model: Model) -> Model | None:
        """The model that answers for a name: itself where a provider here runs it, or else its first alias's target.

        For one that is switched off nobody does: an alias would bring back what an administrator took away.
        """
        if model.usable:
            return model
        if model.state is State.DISABLED:
            return None
        return next((self.models[alias.target] for alias in self.aliases if alias.covers(model)), None)

    def serving(self, name: str, kind: Kind) -> Served:
        """Who answers a request of this kind for this name; Invalid when it is of another kind, UnknownModel or
        ModelUnavailable when nobody does."""
        served = self.serves.get((name, kind))
        if served is None:
            model = self._known(name)
            if model.kind is not kind:
                raise Invalid(f"Model is not {CALLED[kind]} model: {model.name}{ELSEWHERE.get(model.kind, '')}")
            served = self.serves[name, kind] = self._served(model)
        return served

    def name_of(self, identifier: str) -> str:
        """The name of the model with this id at its provider; an unknown id is Invalid, a name stands for itself."""
        model = self.ids.get(identifier) or self._known(identifier)
        return model.name

    def find(self, name: str) -> Model | None:
        """The model of this name, or with this other name."""
        return self.models.get(name) or self.other_names.get(name)

    def _known(self, name: str) -> Model:
        model = self.find(name)
        if model is None:
            raise UnknownModel(f"Unsupported model: {name[:200]}")
        return model

    def _served(self, model: Model) -> Served:
        answering = self.answering(model)
        if answering is None:
            off = model.state is State.DISABLED
            said = f"{model.name} is switched off" if off else f"no provider of this platform runs {model.name}"
            raise ModelUnavailable(f"{said}; call another model", inside=self.remedy(model))
        return Served(model, answering)

    def remedy(self, model: Model) -> str:
        """What an administrator can do for a model that nobody answers for."""
        if model.state is State.DISABLED:
            return f"{model.name} is switched off; `manage.py models enable {model.name}` switches it on again"
        local = next((m.name for m in self.models.values() if m.kind is model.kind and m.usable), "<another>")
        bedrock = "set BEDROCK_REGION to call it at Amazon Bedrock, or " if model.provider == "bedrock" else ""
        return (
            f"{model.name} has no provider on this platform. Either {bedrock}name it in OPENAI_MODELS "
            f"({model.name}={model.kind}:<id at OPENAI_BASE_URL>), or let another model answer for it "
            f"(MODEL_ALIASES={model.kind}:{model.name}={local})."
        )


def kind_and_rest(variable: str, text: str) -> tuple[Kind, str]:
    """`text:rest` or `embed:rest` in two; ValueError names the variable."""
    kind, colon, rest = text.partition(":")
    if not (colon and rest) or kind not in set(Kind):
        raise ValueError(f"{variable} holds {text!r}; it must begin with text: or embed:")
    return Kind(kind), rest


def shipped() -> Sequence[Model]:
    """The rows of catalogue.json."""
    return msgspec.json.decode(ROWS.read_bytes(), type=_File).models


def catalogue(openai_models: Mapping[str, str], aliases: Mapping[str, str], changes: Iterable[Model] = ()) -> Catalogue:
    """The catalogue under these settings, with an administrator's changes; ValueError names the setting that is wrong."""
    rows = [*shipped()]
    for name, served in openai_models.items():
        kind, identifier = kind_and_rest("OPENAI_MODELS", served)
        rows.append(Model(name, identifier, kind, "openai_compatible"))
    read = (Alias(*kind_and_rest("MODEL_ALIASES", key), target) for key, target in aliases.items())
    return Catalogue([*rows, *changes], read)


def stored() -> Iterator[Model]:
    """What administrators added or changed."""
    cursor = None
    while True:
        page = records.query(CatalogueRow, PLATFORM, limit=MAXIMUM_PAGE, cursor=cursor)
        for row in page.items:
            yield msgspec.json.decode(row.content, type=Model)
        if (cursor := page.cursor) is None:
            return


def configured(changes: Iterable[Model] = ()) -> Catalogue:
    """The catalogue under this process's settings."""
    return catalogue(CHOSEN.openai_models, CHOSEN.model_aliases, changes)


try:
    if CHOSEN.openai_models and not CHOSEN.openai_base_url:
        raise ValueError("OPENAI_MODELS is set and OPENAI_BASE_URL is not; it must be the URL of the server that has them")
    configured()
except ValueError as wrong:
    sys.exit(f"The configuration is wrong: {wrong}.")


def read() -> Catalogue:
    """The catalogue with what is stored; Unavailable when the two do not go together."""
    try:
        return configured(stored())
    except ValueError as wrong:
        inside = f"the catalogue and the configuration do not go together: {wrong}"
        raise Unavailable("the models of this platform cannot be told now", inside=inside) from wrong


_now: Final = Recent(read)


def current() -> Catalogue:
    """The catalogue as it is now: a change holds within 10 seconds in every process, in this one at once."""
    return _now.get()


async def soon() -> Catalogue:
    """The same for code on an event loop, which then waits for no store."""
    return await _now.soon()


def held() -> Catalogue:
    """The catalogue as it was last read: for what a call does after `soon`."""
    return _now.held()


def forget() -> None:
    """Read it anew the next time."""
    _now.forget()
