"""Asynchronous invocations: each is started, worked on by a worker, and asked for within an hour of its last change."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import msgspec
from asgiref.sync import async_to_sync
from msgspec.structs import replace as changed

from apps.applications.records import Policy
from apps.invocation import admission, contents, honoured, pipeline, refused
from apps.invocation.calls import Call
from apps.invocation.catalogue import current
from apps.invocation.invocations import Completion, Request
from apps.invocation.records import AsyncInvocation, AsyncStatus, Kind
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.errors import NotFound, Problem, TooMany, Unauthenticated, Unavailable
from foundation.identity import Caller
from foundation.messages import delay_after
from foundation.records import update
from foundation.visits import Visit

LIFETIME: Final = timedelta(hours=1)
MARGIN: Final = timedelta(minutes=10)  # what waits for a limit ends so long before it expires, as its message may come late
MOST_TRIES: Final = 50  # of the attempts at one call that are kept; the latest
TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_written_tokens", "reasoning_tokens")
GONE: Final = "Invocation ID not found or result expired"
INACTIVE: Final = "the application was deactivated before this was worked on"


def start_async(
    caller: Caller,
    request: Request,
    visit: Visit | None = None,
    *,
    unsaid: Iterable[str] = (),
    trace: str = "",
    cache_control: Iterable[str] = (),
) -> AsyncInvocation:
    """Have a worker invoke the model, for this visit or one of its own, in this trace and with what is said of caches. Invalid
    as `invoke` where that is known beforehand. unsaid: the fields of the request that nobody asked for.

    What is returned is stored: its id, which is the visit's, is good from this moment on. The worker books it.
    """
    current().serving(request.model, Kind.TEXT)
    visit = visit or Visit()
    expires = visit.created + LIFETIME
    wanted = AsyncInvocation(
        caller.application,
        visit.id,
        visit.created,
        expires,
        client=caller.client,
        model=request.model,
        unsaid=tuple(sorted(unsaid)),
        trace=trace,
        cache_control=tuple(sorted(cache_control)),
    )
    files.write(path_of(wanted.application, wanted.invocation), msgspec.json.encode(request))
    started = records.put(wanted)
    queues.send("invoke_async", queue="invocation", application=wanted.application, invocation=wanted.invocation)
    visit.booked = True
    return started


def async_output(caller: Caller, invocation: str) -> AsyncInvocation:
    """The invocation as it stands. One that is unknown, expired or not the caller's is the same NotFound."""
    found = records.get(AsyncInvocation, caller.application, invocation) if invocation.isprintable() else None
    if found is None:
        raise NotFound(GONE)
    return found


def work_async(application: str, invocation: str) -> None:
    """Invoke the model and keep its answer, or the reason why there is none. Done or expired already: nothing happens.

    Raises a retryable error when a repeat may work.
    """
    found = records.get(AsyncInvocation, application, invocation)
    if found is None or found.status is not AsyncStatus.IN_PROGRESS:
        return files.delete(path_of(application, invocation))
    client = directory.find(found.client)
    if client is None or not client.active:
        return fail(found, INACTIVE, Unauthenticated.code)
    call: Call | None = None
    try:
        call, came = async_to_sync(worked)(found)
        if isinstance(came, Problem):
            raise came
        succeed(found, call, came)
    except TooMany as limited:
        wait(found, limited, call)
    except Problem as problem:
        problem.tell(found.invocation)
        if problem.retryable:
            remember(found, problem.code, call)
            raise
        fail(found, problem.detail, problem.code, call)


def wait(found: AsyncInvocation, limited: TooMany, call: Call | None) -> None:
    """Have the message come again when the application is under its limit, which is no failed attempt. Unavailable where that
    is not known; what would expire meanwhile has failed."""
    limited.tell(found.invocation)
    if limited.retry_after is None:
        remember(found, limited.code, call)
        raise Unavailable(limited.detail) from limited
    delay = delay_after(limited.retry_after)
    if now() + timedelta(seconds=delay) > found.expires - MARGIN:
        return fail(found, limited.detail, limited.code, call)
    if call is not None and call.tokens:
        remember(found, limited.code, call)
    queues.send("invoke_async", queue="invocation", delay=delay, application=found.application, invocation=found.invocation)


async def worked(found: AsyncInvocation) -> tuple[Call, Completion | Problem]:
    """The call that an attempt is, and its answer or why there is none. What it held back is given back; it is on no account
    yet."""
    request = asked_of(found)
    visit = Visit(found.invocation, found.created)
    call = await pipeline.begin(
        Caller(found.application, found.client),
        request,
        dialect="async",
        trace=found.trace,
        cache_control=frozenset(found.cache_control),
        visit=visit,
    )
    call.asks = honoured.one(call.asks - frozenset(found.unsaid))
    try:
        return call, await pipeline.answered(call)
    except Problem as problem:
        return call, problem
    finally:
        admission.settle(call, call.cost)


def remember(found: AsyncInvocation, code: str, call: Call | None) -> None:
    """Keep why this attempt failed, for when no other follows, and what it took; where the store does not take it, the work
    goes on without."""

    def with_this(stored: AsyncInvocation) -> AsyncInvocation | None:
        if stored.status is not AsyncStatus.IN_PROGRESS:
            return None
        return changed(stored, failing=code, attempt=stored.attempt if call is None else booked(stored, call, code))

    with suppress(Problem):
        update(records, AsyncInvocation, found.application, found.invocation, change=with_this)


def booked(found: AsyncInvocation, call: Call, outcome: str) -> Invocation:
    """What comes on the account at the end: the last attempt, with what those before it took and, where it asked nobody, whom
    they asked."""
    row, before = call.account(outcome), found.attempt
    if before is None:
        return row
    asked = row if row.deployment or row.cache else before
    return changed(
        row,
        served_by=asked.served_by,
        deployment=asked.deployment,
        provider=asked.provider,
        tries=(*before.tries, *row.tries)[-MOST_TRIES:],
        cost=before.cost + (row.cost or 0) if before.cost else row.cost,
        estimated=row.estimated or before.estimated,
        **{name: getattr(before, name) + getattr(row, name) for name in TOKENS},
    )


def unmade(found: AsyncInvocation, outcome: str) -> Invocation:
    """The same where no call is made any more: the last that was, else that none was since it was received."""
    if found.attempt is not None:
        return changed(found.attempt, outcome=outcome)
    caller, visit = Caller(found.application, found.client), Visit(found.invocation, found.created)
    asked, by = refused.standing(current(), found.model, Kind.TEXT)
    began = time.monotonic() - (now() - found.created).total_seconds()
    policy, trace = Policy(found.application), found.trace
    call = Call(caller, asked_of(found), policy, asked, by, "async", trace=trace, visit=visit, started=began)
    return call.account(outcome)


def abandon_async(reason: str, application: str, invocation: str) -> None:
    """Mark an invocation as failed that no attempt will be made at any more."""
    found = records.get(AsyncInvocation, application, invocation)
    if found is not None and found.status is AsyncStatus.IN_PROGRESS:
        fail(found, reason, found.failing or Unavailable.code)


def succeed(found: AsyncInvocation, call: Call, answer: Completion) -> None:
    """Keep the answer."""
    content = contents.redacted(call, answer) if call.policy.content_days else None
    usage.record(booked(found, call, pipeline.DONE), call.reserved, content)
    settle(
        changed(
            found,
            status=AsyncStatus.SUCCESS,
            served_by=call.by.name,
            output_text=answer.text,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            ignored=",".join((*call.ignored, *call.lost)),
            adjusted=",".join(call.adjusted),
        )
    )


def fail(found: AsyncInvocation, reason: str, code: str, call: Call | None = None) -> None:
    """Keep the reason. call: the last attempt, where one was made now."""
    if call is None:
        usage.record(unmade(found, code))
    else:
        usage.record(booked(found, call, code), call.reserved)
    settle(changed(found, status=AsyncStatus.FAILED, error=reason, code=code))


def settle(ended: AsyncInvocation) -> None:
    """Store the end of an invocation, which is good for an hour from now; what was asked is needed no more."""
    end = changed(ended, expires=now() + LIFETIME)
    update(
        records,
        AsyncInvocation,
        end.application,
        end.invocation,
        change=lambda stored: changed(end, revision=stored.revision) if stored.status is AsyncStatus.IN_PROGRESS else None,
    )
    files.delete(path_of(end.application, end.invocation))


def asked_of(found: AsyncInvocation) -> Request:
    """What was asked; nothing where that is no longer kept."""
    path = path_of(found.application, found.invocation)
    return msgspec.json.decode(files.read(path), type=Request) if files.find(path) is not None else refused.NOTHING


def path_of(application: str, invocation: str) -> str:
    """Where what was asked lies."""
    return f"invocations/{application}/{invocation}.json"
