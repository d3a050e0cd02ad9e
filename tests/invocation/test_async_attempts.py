"""Asynchronous invocations that fail: what each attempt asked and took is told and on the account when they are given up."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance
from apps.invocation import asynchronous, pipeline, services
from apps.invocation.invocations import Usage
from apps.usage import services as usage
from apps.usage.records import Try
from foundation.adapters import records
from foundation.errors import Problem
from foundation.visits import Visit
from tests.invocation.door import onboarded, opened
from tests.invocation.later import WANTED, started, worked
from tests.upstream.checking import SHORT, account, deployed, listed
from tests.upstream.faults import BEHAVIOURS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES
from tests.usage.shipped import shipped


async def test_given_up_on_is_failed_with_the_reason_and_counted_once():
    door = opened()
    invocation = await started(door)
    found = services.async_output(door.caller, invocation)
    records.put(replace(found, created=found.created - timedelta(minutes=10)))
    for _ in range(2):
        services.abandon_async("the model cannot be reached", door.caller.application, invocation)
    answer = (await door.get(f"/model/async_output/{invocation}")).json
    assert (answer["status"], answer["error"]) == ("FAILED", "the model cannot be reached")
    shipped()
    assert usage.metrics(door.caller.application, None, None)["anthropic.claude-v2"].failed == 1
    (told,) = (await door.get("/usage/calls")).json
    assert (told["latency_ms"] // 60_000, told["deployment"]) == (10, "")


@pytest.mark.parametrize(("most", "outcome"), [(None, "upstream_failed"), (5, "rate_limited")], ids=["failing", "too-large"])
async def test_given_up_on_after_failing_is_told_and_booked_by_what_failed(most: int | None, outcome: str):
    door = onboarded(allowance=Allowance(tokens_per_minute=most))
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "failed")) as model:
            invocation = await started(door, model_name=model)
            with pytest.raises(Problem) as raised:
                await worked(door, invocation)
            answer = await door.get(f"/model/async_output/{invocation}")
            assert (answer.status, answer.json["code"]) == (202, None)
            services.abandon_async(raised.value.detail, door.caller.application, invocation)
            row = await account(door, model)
    told = (await door.get(f"/model/async_output/{invocation}")).json
    assert (told["status"], told["code"], row.outcome) == ("FAILED", outcome, outcome)
    assert told["error"] == raised.value.detail


async def test_what_attempts_took_that_were_not_answered_is_on_the_account_with_the_last_one():
    door, at_once = onboarded(), onboarded()
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "hang", **SHORT)) as model:
            assert (await at_once.post("/model/invoke", {**WANTED, "model_name": model})).status == 504
            one = await account(at_once, model)
            invocation = await started(door, model_name=model)
            for _ in range(3):
                with pytest.raises(Problem):
                    await worked(door, invocation)
            services.abandon_async("no more", door.caller.application, invocation)
            all_of_them = await account(door, model)
    assert one.input_tokens and one.cost
    assert (all_of_them.input_tokens, all_of_them.cost) == (3 * one.input_tokens, 3 * one.cost)
    assert [each.outcome for each in all_of_them.tries] == 3 * [each.outcome for each in one.tries]
    assert all_of_them.estimated
    (told,) = (await door.get("/usage/calls")).json
    assert told["latency_ms"] >= told["tries"][-1]["milliseconds"] > 0
    assert (told["served_by"], told["deployment"]) == (model, "hang")


async def test_whom_attempts_asked_is_on_the_account_also_when_the_last_was_refused_before_it_asked():
    door = onboarded()
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "failed")) as model:
            invocation = await started(door, model_name=model)
            with pytest.raises(Problem):
                await worked(door, invocation)
            applications.change_policy(door.caller.application, lambda policy: replace(policy, models=("another",)))
            await worked(door, invocation)
            row = await account(door, model)
    answer = (await door.get(f"/model/async_output/{invocation}")).json
    assert (answer["status"], answer["code"], row.outcome) == ("FAILED", "forbidden", "forbidden")
    assert (row.deployment, row.provider, row.served_by) == ("failed", WIRES[0].provider, model)
    assert {each.deployment for each in row.tries} == {"failed"}


async def test_what_attempts_cost_is_on_the_account_also_when_their_model_is_gone():
    door = onboarded()
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "hang", **SHORT)) as model:
            invocation = await started(door, model_name=model)
            with pytest.raises(Problem):
                await worked(door, invocation)
    kept = services.async_output(door.caller, invocation)
    services.abandon_async("no more", door.caller.application, invocation)
    shipped()
    row, _ = usage.call(door.caller.application, invocation)
    assert kept.attempt is not None and kept.attempt.cost
    assert (row.input_tokens, row.cost) == (kept.attempt.input_tokens, kept.attempt.cost)
    assert (row.latency_ms, row.deployment) == (kept.attempt.latency_ms, "hang")


async def test_what_attempts_wrote_that_failed_after_it_is_on_the_account_as_written_and_once():
    door = opened()
    invocation = await started(door)
    for _ in range(2):
        found = services.async_output(door.caller, invocation)
        call = await pipeline.begin(door.caller, asynchronous.asked_of(found), visit=Visit(found.invocation, found.created))
        call.spent, call.tries = Usage(7, 5), [Try("here", "success", 1)]
        asynchronous.booked(found, call, "success")  # which the journal did not take
        asynchronous.remember(found, "unavailable", call)
    services.abandon_async("the journal is full", door.caller.application, invocation)
    shipped()
    row, _ = usage.call(door.caller.application, invocation)
    assert (row.input_tokens, row.output_tokens, row.outcome) == (14, 10, "unavailable")
    assert [each.deployment for each in row.tries] == ["here", "here"]
