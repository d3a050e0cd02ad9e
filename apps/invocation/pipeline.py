"""The way of a call through the gateway: permit, guard, look in the cache, reserve, route, guard again, settle, account.

Whatever its end, a call leaves one row on the account, which is durable before the end of its answer leaves.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, TypeVar

from msgspec.structs import replace

from apps.applications import services as applications
from apps.invocation import admission, caching, catalogue, contents, counting, guarding, honoured, routing
from apps.invocation.calls import CANCELLED, Call
from apps.invocation.counting import Count
from apps.invocation.folding import Answer, events_of
from apps.invocation.invocations import NOTHING, Completion, Embeddings, Event, Finish, Ranking, Request, Text, TextDelta, Usage
from apps.invocation.records import Kind
from apps.invocation.sizes import BYTES_A_TOKEN
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.errors import Problem, Unprocessable
from foundation.identity import Caller
from foundation.visits import Visit

Whole = TypeVar("Whole", Completion, Embeddings, Ranking)
Made = TypeVar("Made", Completion, Embeddings, Ranking, Count)
COUNT: Final = "count"
DONE: Final = "success"


async def begin(
    caller: Caller,
    request: Request,
    kind: Kind = Kind.TEXT,
    *,
    dialect: str = "",
    streamed: bool = False,
    trace: str = "",
    cache_control: frozenset[str] = frozenset(),
    visit: Visit | None = None,
) -> Call:
    """A call that is about to be made, for this visit or one of its own.

    Invalid when nobody answers for the name, or can honour what is asked, and Unavailable when the journal has no room for
    another call.
    """
    usage.accept()
    served = (await catalogue.soon()).serving(request.model, kind)
    policy = await applications.policies.soon(caller.application)
    call = Call(
        caller,
        request,
        policy,
        served.asked,
        served.by,
        dialect,
        streamed,
        trace,
        cache_control=cache_control,
        visit=visit or Visit(),
    )
    honoured.check(call)
    return call


async def complete(call: Call, checked: Callable[[Completion], object] | None = None) -> Completion:
    """The whole answer, with its names. Raises what kept it from coming; both ends are on the account.

    checked: raises where the dialect cannot say the answer; such a call has failed, and its answer is not kept.
    """
    return named(call, await accounted(call, answered(call, checked)))


async def embed(call: Call, dimensions: int | None = None) -> Embeddings:
    """A vector for each text of the request's turn, on the same conditions."""
    return named(call, await accounted(call, admitted(call, lambda: routing.embed(call, texts_of(call), dimensions))))


async def rerank(call: Call, top: int | None = None) -> Ranking:
    """The order of the documents, which are the texts of the request's turn after its first, the query; on the same
    conditions."""

    async def ranked() -> Ranking:
        query, *documents = texts_of(call)
        return await routing.rerank(call, query, documents, top)

    return named(call, await accounted(call, admitted(call, ranked)))


async def count(call: Call) -> Count:
    """The tokens that the call's request has; on the account it is a call that used none."""
    call.kind = COUNT
    return await accounted(call, counting.tokens(call))


async def stream(call: Call) -> AsyncGenerator[Event, None]:
    """The answer as it comes; Finish leaves when the call is on the account. Closed early, it bills what has come."""
    answer = Answer()
    usage.under_way.begin()
    try:
        kept = await found(call)
        source = guarding.filtered(call, routing.stream(call)) if kept is None else replayed(kept)
        if call.request.logprobs is not None:
            source = likely(call, source)
        async with aclosing(source) as events:
            async for event in events:
                call.came()
                answer.add(event)
                if not isinstance(event, Finish):
                    yield event
        whole = answer.completion()
    except BaseException as failed:
        call.spent = partial(call, answer)
        await ended(call, failed, answer)
        raise
    call.spent, call.finish = whole.usage, whole.reason.value
    await ended(call, said=whole)
    if kept is None:
        caching.keep(call, whole)
    yield Finish(whole.usage, whole.reason, whole.stop)


async def accounted(call: Call, work: Awaitable[Made]) -> Made:
    """What the work gives; whatever the end of the call is, it is on the account once."""
    usage.under_way.begin()
    try:
        answer = await work
    except BaseException as failed:
        await ended(call, failed)
        raise
    await ended(call, said=None if isinstance(answer, Count) else answer)
    return answer


def named(call: Call, answer: Whole) -> Whole:
    """The answer with its names."""
    return replace(answer, model=call.asked.name, served_by=call.by.name)


async def answered(call: Call, checked: Callable[[Completion], object] | None = None) -> Completion:
    """The answer, kept from before or new, without its account."""
    kept = await found(call)
    if kept is not None:
        call.spent, answer = kept.usage, kept
    else:
        answer = await guarding.after(call, await routing.complete(call))
    call.finish = answer.reason.value
    if call.request.logprobs is not None and answer.text and not answer.logprobs:
        honoured.without_likelihoods(call)
    if checked is not None:
        checked(answer)
    if kept is None:
        caching.keep(call, answer)
    return answer


async def admitted(call: Call, work: Callable[[], Awaitable[Whole]]) -> Whole:
    """What the work gives for a call that is let in, without its account."""
    admission.permit(call)
    await guarding.before(call)
    await admission.reserve(call)
    return await work()


def texts_of(call: Call) -> list[str]:
    """The texts of a call that writes none, as the guard leaves them."""
    return [part.text for part in call.request.messages[0].content if isinstance(part, Text)]


async def found(call: Call) -> Completion | None:
    """The answer that was kept from before, if there is one, for a call that is let in."""
    admission.permit(call)
    await guarding.before(call)
    kept = await caching.find(call)
    await admission.reserve(call)
    if kept is not None:
        honoured.tell(call, next(place for place in honoured.places(call) if honoured.fits(call, place)))
    return kept


async def replayed(kept: Completion) -> AsyncGenerator[Event, None]:
    """A kept answer as events."""
    for event in events_of(kept):
        yield event


async def likely(call: Call, source: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events, for a call that asks how likely they are: where its first words do not say so, its headers tell that."""
    begun = False
    async with aclosing(source) as events:
        async for event in events:
            if not begun and isinstance(event, TextDelta) and not event.logprobs:
                honoured.without_likelihoods(call)
            begun = True
            yield event


async def ended(call: Call, failed: BaseException | None = None, said: contents.Said = None) -> None:
    """Put on the account, durably, and settle; also for a client that has gone. A failure tells what an answer would have.

    said: the answer, or what has come of it.
    """
    call.visit.booked = True
    usage.under_way.end()
    if isinstance(failed, Problem):
        failed.headers = call.headers
        failed.tell(call.invocation)
    row = call.account(DONE if failed is None else outcome_of(failed))
    admission.settle(call, row.cost)
    if call.policy.content_days:
        await asyncio.shield(noted_with_content(call, row, said))
    else:
        await usage.note(row, call.reserved)  # who is cancelled while it waits has noted it all the same


async def noted_with_content(call: Call, row: Invocation, said: contents.Said) -> None:
    """Put a call on the account with what was said."""
    await usage.note(row, call.reserved, await contents.kept(call, said))


def outcome_of(failed: BaseException) -> str:
    """How the account calls an end that is not a good one."""
    if isinstance(failed, Problem):
        return failed.code
    if isinstance(failed, asyncio.CancelledError | GeneratorExit):
        return CANCELLED
    return Unprocessable.code if isinstance(failed, RecursionError) else "internal_error"


def partial(call: Call, answer: Answer) -> Usage:
    """The tokens of an answer that broke off: as counted when its end had come, else a token for each 4 characters."""
    if answer.finish is not None:
        return answer.finish.usage
    if not (call.begun or answer.written):
        return NOTHING
    call.estimated = True
    return Usage(admission.prompt_tokens(call), -(-answer.written // BYTES_A_TOKEN))
