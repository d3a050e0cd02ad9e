"""Budgets of applications, as their calls meet them."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Caching
from apps.invocation.claims import MICRO
from apps.usage import services as usage
from apps.usage.records import Invocation, Outcome
from foundation.ambient import now
from tests.invocation.admitted import ANSWER, PROMPT, answering, ask, on_the_account, outcomes, settled, under_way
from tests.invocation.door import onboarded
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


async def test_a_budget_counts_what_calls_cost_streamed_or_not(upstream: OpenAIServer) -> None:
    whole, streamed = (onboarded(allowance=Allowance(usd_per_month=1.0)) for _ in range(2))
    assert (await ask(whole)).status == 200
    body = {"model": "priced", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 20, "stream": True}
    assert (await streamed.post("/v1/chat/completions", body)).status == 200
    cost = 1_000 * ANSWER["read"] + 2_000 * ANSWER["written"]
    assert await settled(whole) == await settled(streamed) == cost


async def test_a_call_that_costs_more_than_the_whole_budget_is_not_told_to_come_back(upstream: OpenAIServer) -> None:
    refused = await ask(onboarded(allowance=Allowance(usd_per_day=0.1)))
    assert (refused.status, refused.json["code"]) == (402, "budget_exceeded")
    assert "can cost 0.164; its input alone is more than that" in refused.json["detail"]
    assert "retry-after" not in refused.headers


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


@pytest.mark.parametrize(
    ("budget", "spent", "left", "advice"),
    [
        (0.2, 0.05, "0.15", "it may be made when the next month begins, or now with a smaller max_tokens"),
        (0.2, 0.1, "0.10", "it may be made when the next month begins"),
        (0.2, 0.2, "0.00", "it may be made when the next month begins"),
        (0.15, 0.1, "0.05", "a smaller max_tokens makes it less"),
        (0.1, 0.0, "0.10", "its input alone is more than that: make it shorter"),
    ],
)
async def test_a_call_over_budget_is_told_what_would_let_it_in(
    upstream: OpenAIServer, budget: float, spent: float, left: str, advice: str
) -> None:
    door = onboarded()
    application = door.caller.application
    usage.record(on_account(application, now(), "priced", round(spent * MICRO)))
    await eventually(lambda: usage.daily(application, None, None).items)
    allowance = Allowance(usd_per_month=budget)
    applications.change_policy(application, lambda policy: replace(policy, allowance=allowance))
    refused = await ask(door)
    assert refused.status == 402
    assert refused.json["detail"].endswith(f"of which {left} are left, and this call can cost 0.164; {advice}")


async def test_money_that_calls_under_way_hold_back_is_there_again_soon_and_spent_money_is_not(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_day=0.2))
    async with under_way(door):
        refused = await ask(door)
        assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (429, "rate_limited", "1")
        assert refused.json["detail"].endswith(
            "of which 0.036 are left while calls under way hold back what they may use, and this call can cost 0.164; "
            "it may be made when calls under way have ended"
        )
    assert [(await ask(door)).status for _ in range(2)] == [200, 402]  # 0.019 are spent, then 0.038


async def test_while_money_is_held_back_a_call_that_would_not_fit_without_it_is_over_its_budget(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_day=0.18))
    assert (await ask(door)).status == 200  # 0.019 are spent
    async with under_way(door, max_tokens=15):
        assert (await ask(door)).status == 402


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


async def test_a_kept_answer_takes_no_share(upstream: OpenAIServer) -> None:
    door = onboarded(allowance=Allowance(usd_per_month=1.0), caching=Caching(exact=True))
    for _ in range(2):
        assert (await ask(door, temperature=0)).status == 200
    hits = [row.cache for row in await on_the_account(door, 2)]
    assert await settled(door) == 19_000 * hits.count("")
