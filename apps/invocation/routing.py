"""Which deployment answers a call, and what is tried when one does not.

Nothing is tried again that a repeat cannot help, and nothing after the first of a stream has come. All tries of a call have
one deadline (ROUTE_DEADLINE) and one bound (ROUTE_TRIES).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from msgspec.structs import replace

from apps.invocation import guarding, honoured
from apps.invocation.balance import Place
from apps.invocation.calls import CANCELLED, Call
from apps.invocation.folding import documents_as_text, system_first
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request
from apps.invocation.patience import patient
from apps.invocation.records import Deployment
from apps.invocation.tries import Route
from foundation.errors import Problem, UpstreamTimeout
from foundation.settings import CHOSEN

Whole = TypeVar("Whole", Completion, Embeddings, Ranking)


def fitted(call: Call, place: Place) -> Request:
    """The request as this deployment gets it: by its id, with max_tokens lowered to the model's limit, with what the
    application says at its beginning where it cannot come later, with documents of plain text as text where none are read,
    and with the application's own guardrail where its provider has guardrails."""
    request, honours = call.request, place.provider.honours
    if honoured.SYSTEM_TURNS in call.asks and honoured.SYSTEM_TURNS not in honours:
        request = system_first(request)
    if honoured.TEXT_DOCUMENT in call.asks and honoured.TEXT_DOCUMENT in honoured.lost(call, place):
        request = documents_as_text(request)
    own = guarding.guardrail(call.policy.guard)
    guardrail = own if own is not None and "guardrail" in honours else request.guardrail
    tokens = honoured.most_tokens(request, place.model)
    return replace(request, model=place.deployment.id, max_tokens=tokens, guardrail=guardrail)


async def complete(call: Call) -> Completion:
    """The whole answer of the first deployment that gives one."""
    return await whole(call, lambda place: place.provider.complete(fitted(call, place)))


async def embed(call: Call, texts: Sequence[str], dimensions: int | None) -> Embeddings:
    """A vector for each text."""
    return await whole(call, lambda place: place.provider.embed(place.deployment.id, texts, dimensions))


async def rerank(call: Call, query: str, documents: Sequence[str], top: int | None) -> Ranking:
    """The order of the documents."""
    return await whole(call, lambda place: place.provider.rerank(place.deployment.id, query, documents, top))


async def whole(call: Call, ask: Callable[[Place], Awaitable[Whole]]) -> Whole:
    """What the first deployment that answers says; call.by and call.deployment are that one, call.tries has all that were
    asked. Raises the last failure when none answers."""
    route = Route(call)
    while True:
        place = await route.next()
        limit = route.limit()
        try:
            async with asyncio.timeout(limit):
                answer = await ask(place)
        except TimeoutError:
            route.failed(UpstreamTimeout(f"{place.deployment.name} gave no answer in {limit:g} s"))
        except Problem as failure:
            route.failed(failure)
        except BaseException as broken:
            route.abandoned(outcome_of(broken))
            raise
        else:
            route.worked()
            call.came()
            call.spent = answer.usage
            return answer


async def stream(call: Call) -> AsyncGenerator[Event, None]:
    """The events of the first deployment that gives one. What fails after the first is raised.

    Closing it stops the model.
    """
    route = Route(call)
    while True:
        place = await route.next()
        limits = limits_of(place.deployment, route.left)
        try:
            source = place.provider.stream(fitted(call, place))
            async with aclosing(source), aclosing(patient(source, *limits)) as events:  # type: ignore[type-var]
                async for event in events:
                    if not route.begun:
                        route.began()
                    yield event
        except TimeoutError:
            route.failed(UpstreamTimeout(too_late(place.deployment, limits, route.begun)))
        except Problem as failure:
            route.failed(failure)
        except BaseException as broken:
            route.abandoned(outcome_of(broken))
            raise
        else:
            route.worked()
            return


def limits_of(deployment: Deployment, left: float) -> tuple[float, float, float]:
    """The seconds to the first of a stream, between two of its events, and to its end."""
    first, idle = deployment.first_token_seconds, deployment.idle_seconds
    return (
        min(left, CHOSEN.route_first_token if first is None else first),
        CHOSEN.route_idle if idle is None else idle,
        CHOSEN.route_longest,
    )


def too_late(deployment: Deployment, limits: tuple[float, float, float], begun: bool) -> str:
    """What is said of a stream that let too much time pass."""
    first, idle, longest = limits
    if not begun:
        return f"{deployment.name} began no answer in {first:g} s"
    return f"{deployment.name} was silent for {idle:g} s in the middle of its answer, or wrote for {longest:g} s"


def outcome_of(broken: BaseException) -> str:
    """How a try is called that ended by nothing that its place did."""
    return CANCELLED if isinstance(broken, asyncio.CancelledError | GeneratorExit) else Problem.code
