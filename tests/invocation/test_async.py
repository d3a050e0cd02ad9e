"""POST /model/async_invoke and GET /model/async_output, with the work done as the worker does it."""

import asyncio
import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Action, Allowance, Guard, Policy
from apps.invocation import asynchronous, pipeline, services
from apps.invocation.invocations import Usage
from apps.invocation.records import AsyncInvocation, Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Try
from foundation.adapters import directory, files, records
from foundation.ambient import now
from foundation.errors import NotFound, Problem
from foundation.visits import Visit
from tests.delivering import Delivery, awaiting, deliver_all
from tests.invocation.admitted import answering, under_way
from tests.invocation.door import Door, onboarded, opened
from tests.upstream.checking import SHORT, account, deployed, listed
from tests.upstream.faults import BEHAVIOURS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES
from tests.usage.shipped import shipped

WANTED = {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "What is the capital of France?", "max_tokens": 20, "temperature": 0}
GONE = {"detail": "Invocation ID not found or result expired", "code": "not_found"}


async def started(door: Door, **changed) -> str:
    answer = await door.post("/model/async_invoke", {**WANTED, **changed})
    assert answer.status == 200, answer.body
    assert answer.json.keys() == {"invocation_id"}
    return answer.json["invocation_id"]


async def worked(door: Door, invocation: str) -> None:
    """One delivery of the message, in a thread without a loop, as a worker has it."""
    await asyncio.to_thread(services.work_async, door.caller.application, invocation)


async def test_a_fresh_id_is_known_at_once_and_in_progress(door: Door):
    answer = await door.get(f"/model/async_output/{await started(door)}")
    assert answer.status == 202
    assert answer.json["status"] == "IN_PROGRESS"
    assert [answer.json[name] for name in ("output_text", "embedding", "input_tokens", "output_tokens")] == [None] * 4


async def test_the_answer_is_the_bare_result_with_its_four_members(door: Door):
    invocation = await started(door)
    await worked(door, invocation)
    answer = await door.get(f"/model/async_output/{invocation}")
    assert answer.status == 200
    assert "Paris" in answer.json["output_text"]
    assert (answer.json["status"], answer.json["embedding"]) == ("SUCCESS", None)
    assert answer.json["input_tokens"] > 0 < answer.json["output_tokens"]
    assert answer.json["served_by"] == "smollm2-135m-instruct"


async def test_a_conversation_and_system_prompts_work_as_they_do_at_once(door: Door):
    turns = [{"role": "user", "content": "My name is Bob."}, {"role": "assistant", "content": "Hello Bob."}]
    turns.append({"role": "user", "content": [{"text": "What is my name? Answer with the name."}]})
    wanted = {**WANTED, "prompt": turns, "system_prompts": [{"text": "Be brief."}]}
    at_once = (await door.post("/model/invoke", wanted)).json
    invocation = await started(door, prompt=turns, system_prompts=[{"text": "Be brief."}])
    await worked(door, invocation)
    later = (await door.get(f"/model/async_output/{invocation}")).json
    assert [later[name] for name in ("output_text", "input_tokens")] == [
        at_once[name] for name in ("output_text", "input_tokens")
    ]


async def test_the_answer_says_what_did_not_hold_as_it_was_asked(door: Door):
    invocation = await started(door, prompt=[{"role": "user", "content": "Hi."}], top_k=3, max_tokens=3)
    await worked(door, invocation)
    answer = await door.get(f"/model/async_output/{invocation}")
    assert answer.status == 200
    assert "x-ignored-parameters" not in answer.headers
    turn = {"role": "user", "content": [{"text": "Hi.", "mood": "calm"}]}
    told = await door.post("/model/async_invoke", {**WANTED, "prompt": [turn]})
    assert told.headers["x-ignored-parameters"] == "prompt.content.mood"


async def test_a_failure_is_told_with_its_reason(door: Door):
    invocation = await started(door, prompt="word " * 6000)
    await worked(door, invocation)
    answer = await door.get(f"/model/async_output/{invocation}")
    assert (answer.status, answer.json["status"], answer.json["output_text"]) == (200, "FAILED", None)
    assert "4096" in answer.json["error"]


async def test_an_unknown_id_and_a_strangers_are_the_same_404(door: Door, other_door: Door):
    invocation = await started(door)
    strangers = await other_door.get(f"/model/async_output/{invocation}")
    unknown = await other_door.get("/model/async_output/00000000-0000-4000-8000-000000000000")
    odd = await other_door.get("/model/async_output/x\x1fy")
    assert {(answer.status, answer.body) for answer in (strangers, unknown, odd)} == {
        (404, json.dumps(GONE, separators=(",", ":")).encode())
    }


async def test_a_message_that_comes_twice_is_worked_on_and_counted_once():
    door = opened()
    invocation = await started(door)
    await worked(door, invocation)
    first = await door.get(f"/model/async_output/{invocation}")
    await worked(door, invocation)
    assert (await door.get(f"/model/async_output/{invocation}")).body == first.body
    shipped()
    assert usage.metrics(door.caller.application, None, None)["anthropic.claude-v2"].calls == 1


async def test_what_was_asked_is_not_kept_beyond_its_answer(door: Door):
    invocation = await started(door)
    path = f"invocations/{door.caller.application}/{invocation}.json"
    assert b"capital of France" in files.read(path)
    await worked(door, invocation)
    with pytest.raises(NotFound):
        files.read(path)


async def test_what_was_asked_goes_with_an_invocation_that_expired_in_the_queue(door: Door):
    invocation = await started(door)
    records.delete(AsyncInvocation, door.caller.application, invocation)
    await worked(door, invocation)
    with pytest.raises(NotFound):
        files.read(f"invocations/{door.caller.application}/{invocation}.json")
    assert (await door.get(f"/model/async_output/{invocation}")).status == 404


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


@pytest.mark.usefixtures("no_pauses")
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


@pytest.mark.usefixtures("no_pauses")
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


@pytest.mark.usefixtures("no_pauses")
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


@pytest.mark.usefixtures("no_pauses")
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


async def test_an_answer_that_a_guard_blocks_is_paid_for():
    door = onboarded(guard=Guard(phrases=Action.BLOCK, denied=("Hello there",)))
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "good")) as model:
            invocation = await started(door, model_name=model)
            await worked(door, invocation)
            row = await account(door, model)
    assert (row.outcome, row.input_tokens > 0, row.output_tokens > 0) == ("content_blocked", True, True)
    assert row.cost and [each.deployment for each in row.tries] == ["good"]


async def test_what_a_deactivated_application_left_behind_is_not_worked_on():
    door = opened()
    invocation = await started(door)
    directory.set_active(door.caller.client, False)
    await worked(door, invocation)
    stored = services.async_output(door.caller, invocation)
    assert (stored.status, stored.output_text) == ("FAILED", None)
    assert "deactivated" in str(stored.error)


async def test_a_name_that_no_model_has_is_refused_before_anything_is_queued(door: Door):
    answer = await door.post("/model/async_invoke", {**WANTED, "model_name": "nothing"})
    assert (answer.status, answer.json["detail"]) == (400, "Unsupported model: nothing")


async def test_what_was_said_is_kept_redacted_where_the_policy_says_so(door: Door):
    records.put(Policy(door.caller.application, content_days=1))
    applications.policies.forget(door.caller.application)
    invocation = await started(door, prompt="Write to jane.doe@example.com about otters.")
    await worked(door, invocation)
    shipped()
    _, content = usage.call(door.caller.application, invocation)
    assert content is not None and "otters" in content.asked and "jane.doe@example.com" not in content.asked


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
