"""Fault 46: 64 clients at once against a limit and a budget, over two web processes; what is reserved is never passed, and
what a killed process held back comes back."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from operator import getitem
from typing import Any

import aiohttp
import psutil
import pytest

from apps.applications.records import Allowance
from apps.applications.services import policy_of
from apps.invocation import admission, services
from tests.conftest import HOME, free_port
from tests.faults.rushing import (
    CLIENTS,
    COST,
    DOLLAR,
    HELD,
    PRICE_IN,
    PRICE_OUT,
    PROMPT,
    RESERVED,
    Ask,
    Told,
    chat,
    crowd,
    invoking,
    message,
    messages,
    rushed,
    use_up,
)
from tests.invocation import unruly
from tests.invocation.door import onboarded
from tests.running import Platform, wait_for
from tests.upstream.openai_server import OpenAIServer, running

COUNTED = {"x": 1, "7" * 60: 60, "a,B;" * 20: 80, "語" * 40: 80, "🙂" * 20: 80}  # tokens, to which the template's are added
LOCAL = "smollm2-135m-instruct"
FAR = ("signs-200 whole", "signs-200 streamed")  # each for its first time, in both processes
OWN_PORT = free_port()  # where a test has the model `own` answer as it needs it


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: OpenAIServer) -> Iterator[Platform]:
    """A platform of two web processes with a model that has a price, and reservations that expire soon."""
    made = Platform(
        HOME / "limited",
        free_port(),
        WEB_CONCURRENCY="2",
        SERVE="invocation,usage,applications,issuer",
        ROUTE_DEADLINE="10",
        ROUTE_LONGEST="10",
    )
    prices = ("--price-input", str(PRICE_IN), "--price-output", str(PRICE_OUT))
    places = {"priced": ("m", upstream.url), "own": ("m", f"http://127.0.0.1:{OWN_PORT}/v1")}
    places |= {name: (name.partition(" ")[0], upstream.url) for name in ("signs", *FAR)}
    for name, (model, url) in places.items():
        made.manage("models", "add", name, "--provider", "openai", "--model", model, "--base-url", url, *prices)
    made.start()
    yield made
    made.stop()


def key_of(gateway: Platform, name: str, *limits: str) -> str:
    """The key of a new application with these limits."""
    key = gateway.new_key(name)
    gateway.manage("limits", "set", name, *limits)
    return key


def used(gateway: Platform, name: str, field: str) -> Any:
    """What is used of a limit now."""
    return json.loads(gateway.manage("limits", "show", name, "--json"))["limits"][0]["used"][field]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_46_of_a_limit_of_100_requests_a_minute_exactly_100_are_served(gateway: Platform, streamed: bool) -> None:
    name = f"minute {streamed}"
    key = key_of(gateway, name, "--requests-per-minute", "100")
    began = time.monotonic()
    told = await rushed(key, chat(gateway.url, streamed=streamed), 4)
    assert time.monotonic() - began < 60, "the clients took longer than the minute that the limit is for"
    assert (told.answered, len(told.refused)) == (100, 4 * CLIENTS - 100)
    for status, headers, body in told.refused:
        assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
        assert 1 <= int(headers["retry-after"]) <= 61
        assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("100", "0")
    assert used(gateway, name, "requests_per_minute") == 100


@pytest.mark.parametrize("way", ["whole", "streamed", "messages"])
async def test_46_a_budget_of_a_dollar_is_never_passed_and_used_up(gateway: Platform, way: str) -> None:
    name = f"dollar {way}"
    key = key_of(gateway, name, "--usd-per-day", "1")
    ask = messages(gateway.url) if way == "messages" else chat(gateway.url, streamed=way == "streamed")
    told = await rushed(key, ask, 3)
    await use_up(key, ask, told)
    assert told.cost == told.answered * COST
    assert DOLLAR - RESERVED < told.cost <= DOLLAR
    wait_for(lambda: used(gateway, name, "usd_per_day") == told.cost / DOLLAR, 10)  # the account says the same


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("prompt", COUNTED, ids=["x", "digits", "signs", "Chinese", "emoji"])
async def test_46_a_budget_holds_with_a_provider_that_counts_far_more_than_words(
    gateway: Platform, prompt: str, streamed: bool
) -> None:
    name = f"signs {prompt[:1]} {streamed}"
    key = key_of(gateway, name, "--usd-per-day", "1")
    ask = chat(gateway.url, streamed=streamed, model="signs", prompt=prompt, most=1)
    told = await rushed(key, ask, 2)
    await use_up(key, ask, told)
    assert told.cost >= told.answered * (COUNTED[prompt] + 19) * PRICE_IN > 0
    assert told.cost <= DOLLAR
    wait_for(lambda: used(gateway, name, "usd_per_day") == told.cost / DOLLAR, 10)


@pytest.mark.parametrize("model", FAR)
async def test_46_a_budget_holds_when_a_provider_adds_more_than_anyone_does(gateway: Platform, model: str) -> None:
    key = key_of(gateway, model, "--usd-per-day", "1")
    ask = chat(gateway.url, streamed="streamed" in model, model=model, prompt="x")
    told = await rushed(key, ask, 2)
    await use_up(key, ask, told)
    assert (
        told.answered and told.cost <= DOLLAR + 2 * (201 - 111) * PRICE_IN
    )  # the first call of each process tells what it adds


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_46_a_limit_holds_for_the_local_model_and_a_prompt_of_digits(streamed: bool) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=600))
    body = {"model": LOCAL, "messages": [{"role": "user", "content": "7" * 150}], "max_tokens": 9, "stream": streamed}
    statuses = await asyncio.gather(*(door.post("/v1/chat/completions", body) for _ in range(CLIENTS)))
    answered = [answer.status for answer in statuses].count(200)
    assert {answer.status for answer in statuses} == {200, 429}
    assert answered == 3  # each reserves 150 for the digits, 9 for the template around them, and 9 for the answer
    await admission.steps.done(admission.Settlement("none", {}))
    (share,) = [each for each in services.limits_of(policy_of(door.caller.application))[0].shares if each.limit == 600]
    assert 3 * 159 < (share.used or 0) <= 600


@asynccontextmanager
async def answering(answer: Callable[[], Awaitable[None]]) -> AsyncIterator[list[int]]:
    """Serve the model `own`: each request is answered when `answer` returns; yields a list that grows with each."""
    asked: list[int] = []

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
        asked.append(1)
        await answer()
        whole = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": {}}
        writer.write(unruly.reply(200, whole))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", OWN_PORT)
    try:
        yield asked
    finally:
        server.close()


async def invoked(session: aiohttp.ClientSession, gateway: Platform, model: str) -> int:
    """The status of a call; 0: the connection broke."""
    body = {"model_name": model, "prompt": PROMPT, "max_tokens": 20}
    try:
        async with session.post(f"{gateway.url}/model/invoke", json=body) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def test_46_no_more_calls_are_under_way_than_may_be(gateway: Platform) -> None:
    key = key_of(gateway, "at once", "--concurrent", "10")
    under_way: list[int] = [0]

    async def slowly() -> None:
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0.02)
        under_way.append(under_way[-1] - 1)

    async def client(session: aiohttp.ClientSession) -> list[int]:
        return [await invoked(session, gateway, "own") for _ in range(4)]

    async with answering(slowly), crowd(key) as session:
        told = await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    statuses = [status for each in told for status in each]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 10
    assert 1 <= max(under_way) <= 10
    wait_for(lambda: used(gateway, "at once", "concurrent") == 0, 10)


@pytest.mark.parametrize(
    ("asking", "code"),
    [
        (lambda url: chat(url, streamed=False), ("error", "code", "rate_limit_exceeded")),
        (messages, ("error", "type", "rate_limit_error")),
        (invoking, ("code", "rate_limited")),
    ],
    ids=["OpenAI", "Anthropic", "contract"],
)
async def test_46_what_only_a_call_under_way_holds_back_is_there_when_it_has_ended(
    gateway: Platform, asking: Callable[[str], Ask], code: Sequence[str]
) -> None:
    name = f"held {code[-1]}"
    key, ask, told, ended = key_of(gateway, name, "--usd-per-day", "0.3"), asking(gateway.url), Told(), asyncio.Event()

    async def after_it() -> None:
        await ended.wait()

    async with answering(after_it) as asked, crowd(key) as session, asyncio.timeout(30):
        call = asyncio.create_task(invoked(session, gateway, "own"))
        while not asked:
            await asyncio.sleep(0.02)
        await ask(session, told)
        ((status, headers, body),) = told.refused
        assert (status, headers["retry-after"]) == (429, "1")
        assert "of which 0.136 are left" in message(body) and HELD in message(body)
        *path, kind = code
        assert reduce(getitem, path, body) == kind
        ended.set()
        assert await call == 200
        while not told.answered:
            await ask(session, told)
    assert {status for status, _, _ in told.refused} == {429}


async def test_46_what_a_killed_process_held_back_comes_back_by_itself(gateway: Platform) -> None:
    key = key_of(gateway, "killed", "--concurrent", "4", "--usd-per-day", "10")
    never = asyncio.Event()
    silent = answering(lambda: asyncio.wait_for(never.wait(), 120))
    async with silent as asked, crowd(key) as session:
        calls = [asyncio.create_task(invoked(session, gateway, "own")) for _ in range(4)]
        async with asyncio.timeout(20):
            while len(asked) < 4:
                await asyncio.sleep(0.02)
        assert await invoked(session, gateway, "priced") == 429
        for process in web_processes(gateway):
            os.kill(process.pid, signal.SIGKILL)
        assert await asyncio.gather(*calls) == [0, 0, 0, 0]
        wait_for(gateway.is_up)
        assert used(gateway, "killed", "concurrent") == 4
        wait_for(lambda: used(gateway, "killed", "concurrent") == 0, 30, every=0.5)
        assert await invoked(session, gateway, "priced") == 200


def web_processes(gateway: Platform) -> list[psutil.Process]:
    assert gateway.process is not None
    family = psutil.Process(gateway.process.pid).children(recursive=True)
    return [process for process in family if process.cmdline()[-1:] == ["web"]]
