"""The account of what never became a call: refused for its form, its model or a parameter, or left before it was one."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from apps.applications.records import Policy
from apps.invocation import catalogue, labels, pipeline
from apps.invocation.calls import Call
from apps.invocation.catalogue import UNKNOWN, Catalogue
from apps.invocation.invocations import Request
from apps.invocation.records import Kind, Model
from apps.usage import services as usage
from foundation.errors import InvalidParameter, Problem
from foundation.visits import Headers, Refused

logger = logging.getLogger(__name__)

MODEL: Final = ("model", "model_name", "model_id")  # the members of bodies that name it
NOTHING: Final = Request("", ())


def booking(dialect: str, kind: Kind = Kind.TEXT, called: str = "") -> Callable[[Refused], Awaitable[None]]:
    """What a route of this dialect puts on the account, for hot.Route: a call of this kind that asked nobody.
    called: what the account calls it, where that is not its model's kind.

    Unavailable, as for a call, when the journal has no room or does not take it.
    """

    async def book(refused: Refused) -> None:
        if isinstance(refused.why, Problem) and refused.why.inside:
            logger.warning("request %s: %s", refused.visit.id, refused.why.inside)
        usage.accept()
        given = refused.given if isinstance(refused.given, dict) else {}
        call = Call(
            refused.caller,
            said(refused.headers),
            Policy(refused.caller.application),
            *await named(given, kind),
            dialect,
            streamed=given.get("stream") is True,
            trace=labels.trace(refused.headers),
            visit=refused.visit,
            kind=called,
            started=refused.visit.started,
        )
        await usage.note(call.account(pipeline.outcome_of(refused.why)))

    return book


def said(headers: Headers) -> Request:
    """A request that says for the account what the headers do, where they have their form."""
    try:
        return labels.labelled(NOTHING, headers)
    except InvalidParameter:
        return NOTHING


async def named(given: Mapping[str, Any], kind: Kind) -> tuple[Model, Model]:
    """The model that a body names and the one that would have answered."""
    name = next((given[member] for member in MODEL if isinstance(given.get(member), str)), "")
    with suppress(Problem):  # the store of the catalogue is away
        return standing(await catalogue.soon(), name, kind)
    return standing(Catalogue(()), name, kind)


def standing(models: Catalogue, name: str, kind: Kind) -> tuple[Model, Model]:
    """For whom a request stands on the account that nobody answered: the model of that name or id, and the one that would
    have answered for it, else itself. What no model is called has one name: what callers make up adds no names to the sums.
    """
    model = models.find(name) or models.ids.get(name)
    if model is None:
        unknown = Model(UNKNOWN, UNKNOWN, kind, "")
        return unknown, unknown
    return model, models.answering(model) or model
