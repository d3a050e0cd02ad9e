"""POST /model/async_invoke and GET /model/async_output, with the work done as the worker does it."""

import json

import pytest

from apps.applications import services as applications
from apps.applications.records import Action, Guard, Policy
from apps.invocation import services
from apps.invocation.records import AsyncInvocation
from apps.usage import services as usage
from foundation.adapters import directory, files, records
from foundation.errors import NotFound
from tests.invocation.door import Door, onboarded, opened
from tests.invocation.later import WANTED, started, worked
from tests.upstream.checking import account, deployed, listed
from tests.upstream.faults import BEHAVIOURS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES
from tests.usage.shipped import shipped

GONE = {"detail": "Invocation ID not found or result expired", "code": "not_found"}


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
