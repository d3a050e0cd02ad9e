"""Limits and allow-lists of applications, as their calls meet them."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from apps.applications.records import Allowance
from apps.invocation import admission, excess, pipeline
from apps.invocation.invocations import Finish, Message, Request, Role, Text
from foundation.ambient import now
from tests.invocation.admitted import ANSWER, PROMPT, READ, answering, ask, outcomes, rate, settled, under_way, used
from tests.invocation.door import onboarded
from tests.upstream.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


async def test_without_limits_nothing_is_counted_and_nothing_said(upstream: OpenAIServer) -> None:
    answer = await ask(onboarded())
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_requests_a_minute_are_counted_said_and_refused(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(requests_per_minute=2))
    for left in (1, 0):
        answer = await ask(door)
        assert (answer.status, rate(answer, "requests")) == (200, (2, left))
    asked = len(upstream.asked)
    refused = await ask(door)
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert rate(refused, "requests") == (2, 0)
    assert "2 requests a minute" in refused.json["detail"]
    assert len(upstream.asked) == asked
    assert await outcomes(door, 3) == ["rate_limited", "success", "success"]


async def test_tokens_a_minute_are_reserved_before_and_counted_after(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=1000))
    answer = await ask(door)
    assert rate(answer, "tokens") == (1000, 1000 - READ - 20)
    assert await used(door, "tokens_per_minute") == ANSWER["read"] + ANSWER["written"]


async def test_tokens_that_are_not_left_are_refused_before_the_model_is_asked(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=150))
    assert (await ask(door)).status == 200
    refused = await ask(door)
    assert (refused.status, rate(refused, "tokens")) == (429, (150, 150 - 12))
    assert "retry-after" in refused.headers
    assert (await ask(door, max_tokens=5)).status == 200


async def test_a_call_that_can_never_fit_is_told_so_and_not_to_come_back(upstream: OpenAIServer) -> None:
    for limit, advice in (
        (200, "a smaller max_tokens makes it less"),
        (100, "its input alone is more than that: make it shorter"),
    ):
        refused = await ask(onboarded(allowance=Allowance(tokens_per_minute=limit)), max_tokens=500)
        assert refused.status == 429
        assert "retry-after" not in refused.headers
        assert refused.json["detail"].endswith(f"and this call can use 624; {advice}")


async def test_what_a_call_that_fails_reserved_is_given_back(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(10, 1000, 1, 1.0, 1.0))
    del excess.learned["failing"]
    for _ in range(2):
        assert (await ask(door, "failing")).status >= 400
    assert "failing" not in excess.learned  # what its provider counts is not known from that
    assert await used(door, "tokens_per_minute") == 0
    assert await used(door, "concurrent") == 0
    assert await used(door, "requests_per_minute") == 2
    assert await settled(door) == 0


async def test_calls_under_way_are_counted_until_they_end(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(concurrent=2))
    async with under_way(door, calls=2):
        refused = await ask(door)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert "2 calls under way" in refused.json["detail"]
    assert (await ask(door)).status == 200


async def test_tokens_that_calls_under_way_hold_back_are_there_again_soon(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=200))
    async with under_way(door):
        refused = await ask(door)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert refused.json["detail"].endswith(
            "of which 56 are left while calls under way hold back what they may use, and this call can use 144; "
            "it may be made when calls under way have ended"
        )
    assert (await ask(door)).status == 200


async def test_what_is_used_up_is_told_before_what_is_only_held_back(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(requests_per_minute=1, tokens_per_minute=200, concurrent=1))
    async with under_way(door):
        refused = await ask(door)
    assert "requests a minute" in refused.json["detail"] and int(refused.headers["retry-after"]) > 1


async def test_one_model_has_limits_beside_those_of_all(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(requests_per_minute=3), by_model={"priced": Allowance(requests_per_minute=1)})
    answer = await ask(door)
    assert rate(answer, "requests") == (1, 0)
    refused = await ask(door)
    assert refused.status == 429 and "use of priced" in refused.json["detail"]
    assert [(await ask(door, "bounded")).status for _ in range(3)] == [200, 200, 429]


async def test_another_name_of_a_model_counts_and_is_allowed_as_the_model(upstream: OpenAIServer) -> None:
    door = onboarded(models=("priced",), by_model={"priced": Allowance(requests_per_minute=1)})
    assert [(await ask(door, name)).status for name in ("priced-alias", "priced")] == [200, 429]


@pytest.mark.parametrize(
    ("patterns", "status"),
    [
        ((), 200),
        (("priced",), 200),
        (("pri*",), 200),
        (("*",), 200),
        (("bounded", "p?iced"), 200),
        (("PRICED",), 403),
        (("pri",), 403),
    ],
)
async def test_only_models_of_the_list_may_be_called(upstream: OpenAIServer, patterns: tuple[str, ...], status: int) -> None:
    door = onboarded(models=patterns, allowance=Allowance(requests_per_minute=5))
    answer = await ask(door)
    assert answer.status == status
    assert await used(door, "requests_per_minute") == (1 if status == 200 else 0)
    assert await outcomes(door, 1) == ["success" if status == 200 else "forbidden"]


async def test_the_limits_of_one_application_are_not_those_of_another(upstream: OpenAIServer) -> None:
    one, other = (onboarded(allowance=Allowance(requests_per_minute=1)) for _ in range(2))
    assert [(await ask(door)).status for door in (one, other, one, other)] == [200, 200, 429, 429]


async def test_embedding_reserves_no_answer(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=100, usd_per_day=0.02))
    answer = await door.post("/v1/embeddings", {"model": "embedding", "input": PROMPT})
    assert (answer.status, rate(answer, "tokens")) == (200, (100, 100 - 14 - 4))


@pytest.mark.parametrize(
    ("prompt", "tokens"), [("a" * 400, 200), ("7" * 400, 400), ("ж" * 400, 400), ("語" * 400, 800), ("🙂" * 400, 1600)]
)
async def test_a_prompt_in_any_script_reserves_what_it_may_cost(upstream: OpenAIServer, prompt: str, tokens: int) -> None:
    door = onboarded(allowance=Allowance(tokens_per_minute=2000))
    assert rate(await ask(door, prompt=prompt), "tokens") == (2000, 2000 - tokens - 110 - 20)


async def test_who_leaves_while_it_is_let_in_holds_nothing_back(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(concurrent=3, tokens_per_minute=10_000))
    tasks = [asyncio.create_task(ask(door)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await used(door, "concurrent") == 0


async def test_a_stream_that_is_left_counts_what_came_and_frees_its_place(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(concurrent=1, tokens_per_minute=10_000))
    request = Request("priced", (Message(Role.USER, (Text(PROMPT),)),), max_tokens=20)
    events = pipeline.stream(await pipeline.begin(door.caller, request, streamed=True))
    first = await anext(events)
    assert not isinstance(first, Finish)
    assert await used(door, "concurrent") == 1
    await events.aclose()
    assert await used(door, "concurrent") == 0
    assert 0 < (await used(door, "tokens_per_minute") or 0) < 27


async def test_a_call_that_waited_for_a_worker_is_counted_in_the_minute_in_which_it_is_made(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(requests_per_minute=1, concurrent=1))
    request = Request("priced", (Message(Role.USER, (Text(PROMPT),)),), max_tokens=20)
    for refused in (False, True):
        waited = await pipeline.begin(door.caller, request)
        waited.visit.created = now() - timedelta(minutes=30)
        try:
            await admission.reserve(waited)
            assert not refused
        except admission.TooMany as limited:
            assert refused and (limited.retry_after or 0) > 0
        admission.settle(waited, waited.cost)
