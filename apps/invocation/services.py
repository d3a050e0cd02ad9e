"""Every use case of models. Views, routes, tasks and other capabilities come in here.

What calls a model at once is a coroutine; code that is none calls it by asgiref's `async_to_sync`.
"""

import time
from collections.abc import Iterator, Sequence

from apps.applications import services as applications
from apps.applications.records import Policy
from apps.invocation import breaker, pipeline
from apps.invocation.adapters import provider
from apps.invocation.asynchronous import abandon_async, async_output, start_async, work_async
from apps.invocation.balance import allows
from apps.invocation.breaker import Standing
from apps.invocation.catalogue import current
from apps.invocation.invocations import Completion, Embeddings, Message, Request, Role, Text
from apps.invocation.listing import (
    answering,
    change_model,
    find_model,
    is_changed,
    keep_model_key,
    refresh_models,
    remedy,
    remove_model,
    save_model,
    switched,
    test_model,
    without,
)
from apps.invocation.records import Deployment, Kind, Model
from apps.invocation.shares import Scope, shares_of
from foundation.doctor import Finding
from foundation.errors import Invalid, Problem, UnknownModel
from foundation.identity import Caller

# what asynchronous.py and listing.py add to this door, and how a circuit is told of
__all__ = [
    "Standing",
    "abandon_async",
    "answering",
    "async_output",
    "change_model",
    "find_model",
    "is_changed",
    "keep_model_key",
    "refresh_models",
    "remedy",
    "remove_model",
    "save_model",
    "start_async",
    "switched",
    "test_model",
    "without",
    "work_async",
]


async def invoke(caller: Caller, request: Request, *, dialect: str = "platform") -> Completion:
    """The model's whole answer. It is on the account before it is returned, and so is a failure.

    Invalid for a name that nobody answers for and for what the model cannot do; what a Provider raises otherwise.
    """
    return await pipeline.complete(await pipeline.begin(caller, request, dialect=dialect))


async def embed(caller: Caller, model: str, texts: Sequence[str], *, dialect: str = "platform") -> Embeddings:
    """A unit vector for each text, whatever their number: one call on the account. Raises as `invoke` does."""
    call = await pipeline.begin(caller, embedding(model, texts), Kind.EMBED, dialect=dialect)
    return await pipeline.embed(call)


def embedding(model: str, texts: Sequence[str]) -> Request:
    """The request that embedding these texts is; Invalid names the one that is empty."""
    empty = [place for place, text in enumerate(texts) if not text]
    if empty or not texts:
        raise Invalid(f"input_text is empty (text {empty[0] + 1} of {len(texts)})" if empty else "there is no text to embed")
    return Request(model, (Message(Role.USER, tuple(map(Text, texts))),))


def models() -> Sequence[tuple[Model, Model | None]]:
    """Every name in the order of the catalogue, with the model that answers for it, if any does."""
    catalogue = current()
    return [(model, catalogue.answering(model)) for model in catalogue.models.values()]


def circuits() -> Sequence[Standing]:
    """How the deployments stand that this process has called: used, left alone for so many seconds, or being tried."""
    return tuple(breaker.circuits.standing(time.monotonic()))


def circuit(place: Deployment) -> Standing | None:
    """How one of them stands; None where this process has not called it."""
    return breaker.circuits.standing_of(place, time.monotonic())


def callable_models(caller: Caller) -> Sequence[tuple[Model, Model]]:
    """The models that the caller may call and that somebody answers for, with the one that does."""
    policy = applications.policies.get(caller.application)
    return [(model, answering) for model, answering in models() if answering is not None and allows(policy, model)]


def callable_model(caller: Caller, name: str) -> tuple[Model, Model]:
    """One of them, by its name or another name of it; UnknownModel, as for a name that there is not."""
    other = current().other_names.get(name)
    wanted = name if other is None else other.name
    found = next((pair for pair in callable_models(caller) if pair[0].name == wanted), None)
    if found is None:
        raise UnknownModel(f"the model {name[:200]} does not exist, or this application may not call it")
    return found


def limits_of(policy: Policy) -> Sequence[Scope]:
    """The limits of an application, and how much of them is used now: those for all models first."""
    return shares_of(policy)


def prepare() -> Sequence[str]:
    """Do what takes long once a machine, before the first call does. Returns what is not ready, and why."""
    return [f"{name} cannot answer: {missing}" for name, missing in readiness() if missing]


def findings() -> Iterator[Finding]:
    """Whether each provider of models has what it needs; none of them is called."""
    for name, missing in readiness():
        text = "something is missing" if missing else "nothing is missing; not asked, which `manage.py models test` does"
        yield Finding(f"models of {name}", not missing, text, missing)


def readiness() -> Iterator[tuple[str, str]]:
    """Each provider that the catalogue has models of, with its place where that is a model's own, and what keeps it from
    answering, if that is known without a call."""
    for connection in dict.fromkeys(place.connection for model in current().models.values() for place in model.usable):
        name = " at ".join(filter(None, (connection.provider, connection.base_url or connection.region)))
        try:
            provider(connection).prepare()
        except Problem as problem:
            yield name, problem.reason
        else:
            yield name, ""
