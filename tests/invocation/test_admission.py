"""Limits, budgets and allow-lists of applications, as their calls meet them."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from apps.applications import services as applications
from apps.applications.records import Allowance, Caching
from apps.invocation import admission, claims, excess, pipeline, services
from apps.invocation.invocations import Finish, Message, Request, Role, Text
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation, Outcome
from foundation.adapters import limits
from foundation.ambient import now
from tests.invocation import unruly
from tests.invocation.door import Answer, Door, onboarded
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

PRICES = Prices(1_000.0, 2_000.0)  # dollars a million: a thousandth of a dollar for a token read, two for one written
PROMPT = "Say it once more, please."  # 14 tokens at the most, and 110 for what may be added; the server counts 5
READ = 124
ANSWER = {"read": 5, "written": 7}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server whose models are known here with different prices and bounds."""
    with running() as server:

        def place(name: str) -> tuple[Deployment, ...]:
            return (Deployment(name, "openai_compatible", name, base_url=server.url),)

        made = [
            Model("priced", "", Kind.TEXT, "", prices=PRICES, deployments=place("priced"), aliases=("priced-alias",)),
            Model("bounded", "", Kind.TEXT, "", prices=PRICES, output_limit=50, deployments=place("bounded")),
            Model("unpriced", "", Kind.TEXT, "", deployments=place("unpriced")),
            Model("failing", "", Kind.TEXT, "", prices=PRICES, deployments=place("limited")),
            Model("embedding", "", Kind.EMBED, "", prices=Prices(1_000.0), deployments=place("embedding")),
            Model("dear", "", Kind.TEXT, "", prices=Prices(100_000.0, 100_000.0), deployments=place("dear")),
            Model("cheap", "", Kind.TEXT, "", prices=PRICES, deployments=place("cheap"), fallbacks=("dear",)),
            Model("adrift", "", Kind.TEXT, "", prices=PRICES, deployments=place("adrift"), fallbacks=("unpriced",)),
        ]
        for model in made:
            services.save_model(msgspec.structs.replace(model, fallbacks=()))
        for model in made:
            services.save_model(model)
            excess.learned[model.name] = excess.NONE  # what its server counts is known
        yield server
        for model in reversed(made):
            services.remove_model(model.name)


def call(model: str = "priced", **more: Any) -> dict[str, Any]:
    return {"model_name": model, "prompt": [{"role": "user", "content": PROMPT}], "max_tokens": 20, **more}


async def ask(door: Door, model: str = "priced", **more: Any) -> Answer:
    return await door.post("/model/invoke", call(model, **more))


def rate(answer: Answer, kind: str) -> tuple[int, int]:
    """The limit of a kind, and what is left of it; its reset is within the minute."""
    assert 0 <= int(answer.headers[f"x-ratelimit-reset-{kind}"]) <= 60
    return int(answer.headers[f"x-ratelimit-limit-{kind}"]), int(answer.headers[f"x-ratelimit-remaining-{kind}"])


async def used(door: Door, field: str, model: str = "") -> float | None:
    """What is used of a limit, once all that has ended is settled."""
    await admission.steps.done(admission.Settlement("none", {}))
    policy = applications.policy_of(door.caller.application)
    scope = next(scope for scope in services.limits_of(policy) if scope.model == model)
    return next(share.used for share in scope.shares if share.field == field)


def spent(door: Door) -> int:
    """Millionths of a dollar on the counter of this month's budget."""
    key = claims.counter(door.caller.application, "", claims.LIMITS[-1], now())
    return limits.used([key])[0]


async def settled(door: Door) -> int:
    await admission.steps.done(admission.Settlement("none", {}))
    return spent(door)


async def on_the_account(door: Door, count: int) -> list[Invocation]:
    """The calls of an application, newest first, once there are so many."""

    def there() -> list[Invocation]:
        rows = usage.calls(door.caller.application).items
        return list(rows) if len(rows) >= count else []

    return await eventually(there)


async def outcomes(door: Door, count: int) -> list[str]:
    """How they ended."""
    return [row.outcome for row in await on_the_account(door, count)]


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
    door = onboarded(allowance=Allowance(tokens_per_minute=100))
    refused = await ask(door, max_tokens=500)
    assert refused.status == 429
    assert "retry-after" not in refused.headers
    assert "624" in refused.json["detail"] and "max_tokens" in refused.json["detail"]


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
    gate = asyncio.Event()
    whole = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": {}}

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(unruly.reply(200, whole))
        await writer.drain()

    async with unruly.serving(slowly) as server:
        place = Deployment("slow", "openai_compatible", "slow", base_url=server.url)
        services.save_model(Model("slow", "", Kind.TEXT, "", deployments=(place,)))
        under_way = [asyncio.create_task(ask(door, "slow")) for _ in range(2)]
        await eventually(lambda: len(server.asked) == 2)
        refused = await ask(door)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert "2 calls under way" in refused.json["detail"]
        gate.set()
        assert [answer.status for answer in await asyncio.gather(*under_way)] == [200, 200]
        assert (await ask(door)).status == 200
        services.remove_model("slow")


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


async def test_a_budget_counts_what_calls_cost_streamed_or_not(upstream: OpenAIServer) -> None:
    whole, streamed = (onboarded(allowance=Allowance(usd_per_month=1.0)) for _ in range(2))
    assert (await ask(whole)).status == 200
    body = {"model": "priced", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 20, "stream": True}
    assert (await streamed.post("/v1/chat/completions", body)).status == 200
    cost = 1_000 * ANSWER["read"] + 2_000 * ANSWER["written"]
    assert await settled(whole) == await settled(streamed) == cost


async def test_a_call_that_could_pass_the_budget_is_refused_and_told_by_how_much(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_day=0.18))
    assert (await ask(door)).status == 200  # 0.164 reserved, 0.019 spent
    refused = await ask(door)
    assert (refused.status, refused.json["code"]) == (402, "budget_exceeded")
    assert "0.18 USD" in refused.json["detail"] and "0.161 are left" in refused.json["detail"]
    assert "can cost 0.164" in refused.json["detail"] and "max_tokens" in refused.json["detail"]
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert abs(int(refused.headers["retry-after"]) - (end - datetime.now(UTC)).total_seconds()) < 5
    assert (await ask(door, max_tokens=15)).status == 200
    assert await outcomes(door, 3) == ["success", "budget_exceeded", "success"]


async def test_of_two_budgets_the_smaller_holds(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_month=5.0), by_model={"priced": Allowance(usd_per_day=0.17)})
    assert [(await ask(door, name)).status for name in ("priced", "priced", "bounded")] == [200, 402, 200]


async def test_what_was_spent_before_a_budget_was_set_counts_in_it(upstream: OpenAIServer) -> None:
    door = onboarded()
    today, application = now(), door.caller.application
    for cost, moment, model in ((30_000, today, "priced"), (40_000, today.replace(day=1), "bounded")):
        usage.record(on_account(application, moment, model, cost))
    await eventually(lambda: len(usage.daily(application, None, None).items) == 2)
    for allowance, status in (
        (Allowance(usd_per_month=0.23), 402),
        (Allowance(usd_per_month=0.24), 200),
    ):
        applications.change_policy(application, lambda policy, given=allowance: replace(policy, allowance=given))
        assert (await ask(door)).status == status
    one = {"priced": Allowance(usd_per_month=0.19)}
    applications.change_policy(application, lambda policy: replace(policy, allowance=Allowance(), by_model=one))
    assert [(await ask(door, model)).status for model in ("priced", "bounded")] == [402, 200]


def on_account(application: str, moment: datetime, model: str, cost: int) -> Invocation:
    return Invocation(
        application, str(uuid.uuid4()), moment, model, model, model, "text", Outcome.SUCCESS, 10, 10, 5, cost=cost
    )


async def test_without_known_prices_a_budget_lets_nothing_through_and_says_what_to_do(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_month=1.0))
    for model in ("unpriced", "adrift"):
        refused = await ask(door, model)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
        assert "manage.py models set unpriced --price-input" in refused.json["detail"]
    assert (await ask(onboarded(allowance=Allowance(requests_per_minute=1)), "unpriced")).status == 200


async def test_the_dearest_model_that_may_answer_is_what_a_call_can_cost(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_month=13.0))  # "dear" can cost 14.4 with 20 tokens, 12.5 with 1
    assert (await ask(door, "cheap")).status == 402
    assert (await ask(door, "cheap", max_tokens=1)).status == 200
    assert await settled(door) == 5_000 + 2_000


async def test_an_answer_without_a_bound_gets_one_where_it_counts_in_a_budget(upstream: OpenAIServer) -> None:
    budget, free = onboarded(allowance=Allowance(usd_per_month=5.0)), onboarded(allowance=Allowance(tokens_per_minute=10_000))
    body = {"messages": [{"role": "user", "content": PROMPT}]}
    for door, model, bound in ((budget, "priced", 1000), (budget, "bounded", None), (free, "priced", None)):
        assert (await door.post("/v1/chat/completions", {"model": model, **body})).status == 200
        asked = upstream.last
        assert (asked.get("max_tokens") or asked.get("max_completion_tokens")) == bound


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


async def test_a_kept_answer_takes_no_share(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_month=1.0), caching=Caching(exact=True))
    for _ in range(2):
        assert (await ask(door, temperature=0)).status == 200
    hits = [row.cache for row in await on_the_account(door, 2)]
    assert await settled(door) == 19_000 * hits.count("")


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
        admission.settle(waited)
