"""Every use case of models. Views, routes, tasks and other capabilities come in here.

What calls a model at once is a coroutine; code that is none calls it by asgiref's `async_to_sync`. An asynchronous
invocation is started, worked on by a worker, and asked for within an hour of its last change.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace as changed
from datetime import timedelta
from typing import Final, TypeVar

import msgspec
from asgiref.sync import async_to_sync
from msgspec.structs import replace

from apps.invocation.adapters import PROVIDERS, provider
from apps.invocation.calls import Call
from apps.invocation.catalogue import CATALOGUE, Model
from apps.invocation.invocations import NOTHING, Completion, Embeddings, Request, complete
from apps.invocation.records import AsyncInvocation, AsyncStatus
from apps.usage import services as usage
from apps.usage.records import Outcome
from foundation.adapters import directory, files, queues, records
from foundation.ambient import new_id, now
from foundation.doctor import Finding
from foundation.errors import Invalid, NotFound, Problem, TooMany, Unavailable
from foundation.identity import Caller
from foundation.records import update

Answer = TypeVar("Answer", Completion, Embeddings)
LIFETIME: Final = timedelta(hours=1)
GONE: Final = "Invocation ID not found or result expired"
INACTIVE: Final = "the application was deactivated before this was worked on"


async def invoke(caller: Caller, request: Request) -> Completion:
    """The model's whole answer. It is on the account before it is returned, and so is a failure.

    Invalid for a name that nobody answers for and for what the model cannot do; what a Provider raises otherwise.
    """
    served = CATALOGUE.text(request.model)
    return await accounted(Call(caller.application, served), completed(served.by, request))


async def embed(caller: Caller, model: str, texts: Sequence[str]) -> Embeddings:
    """A unit vector for each text, whatever their number: one call on the account. Raises as `invoke` does."""
    served = CATALOGUE.embed(model)
    empty = [place for place, text in enumerate(texts) if not text]
    if empty or not texts:
        raise Invalid(f"input_text is empty (text {empty[0] + 1} of {len(texts)})" if empty else "there is no text to embed")
    work = provider(served.by.provider).embed(served.by.id, texts)
    return await accounted(Call(caller.application, served), work)


def models() -> Sequence[tuple[Model, Model | None]]:
    """Every name in the order of the catalogue, with the model that answers for it, if any does."""
    return [(model, CATALOGUE.answering(model)) for model in CATALOGUE.models.values()]


def prepare() -> Sequence[str]:
    """Do what takes long once a machine, before the first call does. Returns what is not ready, and why."""
    return [f"{name} cannot answer: {missing}" for name, missing in readiness() if missing]


def findings() -> Iterator[Finding]:
    """Whether each provider of models is ready."""
    for name, missing in readiness():
        yield Finding(f"models of {name}", not missing, "ready" if not missing else "not ready", missing)


def readiness() -> Iterator[tuple[str, str]]:
    """Each provider that the catalogue has models of, with what keeps it from answering, if anything does."""
    for name in PROVIDERS:
        if any(model.provider == name for model in CATALOGUE.models.values()):
            try:
                provider(name).prepare()
            except Problem as refused:
                yield name, refused.detail
            else:
                yield name, ""


async def completed(model: Model, request: Request) -> Completion:
    """The answer of this very model, with max_tokens lowered to its limit."""
    limits = [limit for limit in (request.max_tokens, model.output_limit) if limit is not None]
    fitted = replace(request, model=model.id, max_tokens=min(limits) if request.max_tokens else None)
    return await complete(provider(model.provider).stream(fitted))


async def accounted(call: Call, work: Awaitable[Answer]) -> Answer:
    """The answer with its names; whatever the end of the call is, it is on the account once."""
    try:
        answer = await work
    except BaseException:  # one that is cancelled has been made too
        await asyncio.to_thread(usage.record, call.account(Outcome.FAILED, NOTHING))
        raise
    await asyncio.to_thread(usage.record, call.account(Outcome.SUCCESS, answer.usage))
    return replace(answer, model=call.served.asked.name, served_by=call.served.by.name)


def start_async(caller: Caller, request: Request) -> AsyncInvocation:
    """Have a worker invoke the model. Invalid as `invoke` where that is known beforehand.

    What is returned is stored: its id is good from this moment on.
    """
    CATALOGUE.text(request.model)
    moment = now()
    wanted = AsyncInvocation(caller.application, new_id(), moment, moment + LIFETIME, client=caller.client, model=request.model)
    files.write(path_of(wanted.application, wanted.invocation), msgspec.json.encode(request))
    started = records.put(wanted)
    queues.send("invoke_async", queue="invocation", application=wanted.application, invocation=wanted.invocation)
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
        return fail(found, INACTIVE)
    try:
        request = msgspec.json.decode(files.read(path_of(application, invocation)), type=Request)
        succeed(found, async_to_sync(completed)(call_of(found).served.by, request))
    except TooMany as limited:
        raise Unavailable(limited.detail, retry_after=limited.retry_after) from limited
    except Problem as refused:
        if refused.retryable:
            raise
        fail(found, refused.detail)


def abandon_async(reason: str, application: str, invocation: str) -> None:
    """Mark an invocation as failed that no attempt will be made at any more."""
    found = records.get(AsyncInvocation, application, invocation)
    if found is not None and found.status is AsyncStatus.IN_PROGRESS:
        fail(found, reason)


def call_of(found: AsyncInvocation) -> Call:
    """The call that an invocation is. Its latency is the worker's, its moment that of the request."""
    return Call(found.application, CATALOGUE.text(found.model), found.invocation, found.created)


def succeed(found: AsyncInvocation, answer: Completion) -> None:
    """Keep the answer."""
    made = call_of(found)
    usage.record(made.account(Outcome.SUCCESS, answer.usage))
    settle(
        changed(
            found,
            status=AsyncStatus.SUCCESS,
            served_by=made.served.by.name,
            output_text=answer.text,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
        )
    )


def fail(found: AsyncInvocation, reason: str) -> None:
    """Keep the reason."""
    with suppress(Invalid):  # the catalogue no longer has the model, so there is nobody to put it on account for
        usage.record(call_of(found).account(Outcome.FAILED, NOTHING))
    settle(changed(found, status=AsyncStatus.FAILED, error=reason))


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


def path_of(application: str, invocation: str) -> str:
    """Where what was asked lies."""
    return f"invocations/{application}/{invocation}.json"
