"""Asynchronous invocations under limits and budgets: what waits, for how long, and what is refused."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from foundation.adapters import records
from foundation.ambient import now
from tests.delivering import Delivery, awaiting, deliver_all
from tests.invocation.admitted import answering, under_way
from tests.invocation.door import Door, onboarded, opened
from tests.invocation.later import started, worked
from tests.usage.shipped import shipped


async def test_what_is_over_a_budget_says_so_by_its_code_in_the_answer_and_on_the_account():
    door = onboarded(allowance=Allowance(usd_per_day=0.01))
    place = Deployment("here", "local_text", "smollm2-135m-instruct")
    services.save_model(Model("dear", "", Kind.TEXT, "", prices=Prices(100_000, 100_000), deployments=(place,)))
    try:
        invocation = await started(door, model_name="dear")
        await worked(door, invocation)
    finally:
        services.remove_model("dear")
    answer = (await door.get(f"/model/async_output/{invocation}")).json
    assert (answer["status"], answer["code"]) == ("FAILED", "budget_exceeded")
    assert "the budget of this application" in answer["error"]
    shipped()
    row, _ = usage.call(door.caller.application, invocation)
    assert row.outcome == "budget_exceeded"


async def test_what_waits_for_money_that_calls_under_way_hold_back_waits_without_failing():
    door = onboarded(allowance=Allowance(usd_per_day=0.3))
    with answering():
        async with under_way(door):
            invocation = await started(door, model_name="priced")
            messages = sum(awaiting(door.caller.application, "invocation"))
            await worked(door, invocation)
            assert sum(awaiting(door.caller.application, "invocation")) == messages + 1
            answer = await door.get(f"/model/async_output/{invocation}")
            assert (answer.status, answer.json["status"]) == (202, "IN_PROGRESS")
        await worked(door, invocation)
    assert (await door.get(f"/model/async_output/{invocation}")).json["status"] == "SUCCESS"


async def limited(door: Door, act) -> str:
    """The id of an invocation that waits for a limit of its application, delivered again and again."""
    records.put(Policy(door.caller.application, allowance=Allowance(concurrent=0)))
    applications.policies.forget(door.caller.application)
    waits = await started(door, max_tokens=1)
    await asyncio.to_thread(deliver_all, door.caller.application, "invocation", act=act)
    return waits


async def test_what_waits_for_a_limit_waits_without_failing():
    door = opened()
    deliveries: list[Delivery] = []

    def act(delivery: Delivery) -> None:
        deliveries.append(delivery)
        if len(deliveries) == 8:  # more than it has attempts
            records.delete(Policy, door.caller.application)
            applications.policies.forget(door.caller.application)
        delivery.work()

    waits = await limited(door, act)
    assert services.async_output(door.caller, waits).status == "SUCCESS"
    assert len(deliveries) >= 8


async def test_what_waits_for_a_limit_until_it_would_expire_has_failed_with_the_reason():
    door = opened()

    def act(delivery: Delivery) -> None:
        found = services.async_output(door.caller, delivery.order.ids["invocation"])
        if found.status == "IN_PROGRESS":
            records.put(replace(found, expires=now() + timedelta(minutes=5)))
        delivery.work()

    answer = (await door.get(f"/model/async_output/{await limited(door, act)}")).json
    assert (answer["status"], answer["code"]) == ("FAILED", "rate_limited")
    assert "0 calls under way" in answer["error"]
