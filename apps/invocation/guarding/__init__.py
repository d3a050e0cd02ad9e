"""Local checks of what goes to a model and of what comes from it, as the application's policy says.

Personal data and secrets are found by their form and their checksums, denied phrases by their words. Each is noted, masked or
blocked. An application without a guard pays one comparison.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import Final, TypeVar

from msgspec.structs import replace

from apps.applications.records import Action, Guard
from apps.invocation import honoured
from apps.invocation.calls import Call
from apps.invocation.guarding import answers, requests
from apps.invocation.guarding.requests import LONG
from apps.invocation.guarding.screens import Findings, screen
from apps.invocation.guarding.windows import Window
from apps.invocation.invocations import Completion, Event, Guardrail
from apps.invocation.lengths import length

T = TypeVar("T")
LOGPROBS: Final = "logprobs"
NOTHING: Final = Guard()
checking: Final = ThreadPoolExecutor(2, "guarding")  # of its own: what takes long here holds up nothing else


async def before(call: Call) -> None:
    """Check the request: Blocked, or call.request with masks in it, or notes in call.findings.

    Of an answer that may get masks no logprobs are asked for: they would tell what is under them.
    """
    guard, places, call.places = call.policy.guard, call.places, None
    if guard == NOTHING:
        return
    looking, findings = screen(guard), Findings("; leave it out", places)
    try:
        requests.bounded(guard, findings, call.request)
        if not looking.looks:
            return
        work = partial(requests.screened, guard, findings, call.request)
        call.request = await done(work, apart=requests.is_long(call.request))
    finally:
        call.findings += findings.lines
    if looking.alters and call.request.logprobs is not None:
        call.request = replace(call.request, logprobs=None)
        call.ignored = (*call.ignored, honoured.words(call.dialect)(LOGPROBS))
        call.asks, call.needs = call.asks - {LOGPROBS}, call.needs - {LOGPROBS}


async def after(call: Call, answer: Completion) -> Completion:
    """Check a whole answer: Blocked, or the answer with masks in it."""
    guard = call.policy.guard
    if guard == NOTHING:
        return answer
    count = sum(map(length, answer.content))
    looking, findings = screen(guard), Findings()
    try:
        answers.bounded(guard, findings, count)
        if not looking.looks:
            return answer
        return await done(partial(answers.screened, looking, findings, answer), apart=count > LONG)
    finally:
        call.findings += findings.lines


def filtered(call: Call, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same for a stream. Of it waits only what could be the beginning of something that is looked for; where the guard
    only notes, nothing waits."""
    return events if call.policy.guard == NOTHING else sifted(call, events)


async def sifted(call: Call, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events that go on."""
    guard, findings = call.policy.guard, Findings()
    looking = screen(guard)
    sieve = answers.Sieve(guard, looking, findings)
    try:
        async with aclosing(events):
            async for event in events:
                passed = await done(partial(sieve.passing, event), apart=answers.weight(event) > LONG)
                for each in passed if looking.alters else (event,):
                    yield each
    finally:
        call.findings += findings.lines


async def done(work: Callable[[], T], *, apart: bool) -> T:
    """What the work gives; apart: it takes long, and is done by a thread, so that other calls go on meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(checking, work) if apart else work()


def guardrail(guard: Guard) -> Guardrail | None:
    """The provider's own guardrail that every call of an application has, for providers that have such; it takes the place
    of one that the request names."""
    identifier, _, version = (guard.bedrock_guardrail or "").rpartition(":")
    return Guardrail(identifier, version) if identifier else None


def masked(text: str, denied: tuple[str, ...] = ()) -> str:
    """A text with a mask in the place of everything personal and secret that is known by its form, and of denied phrases."""
    everything = Guard(personal=Action.MASK, secrets=Action.MASK, phrases=Action.MASK, denied=denied)
    return Window(screen(everything), Findings(), "").whole(text)
