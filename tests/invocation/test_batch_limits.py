"""The lines of a batch under what holds for their application: limits, its policy, its account."""

import asyncio
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.invocation import services as models
from apps.invocation.batches import services
from apps.invocation.batches.records import Batch, Results
from apps.usage import services as usage
from foundation.adapters import directory, records
from tests.delivering import awaiting
from tests.invocation.admitted import answering, call, on_the_account, under_way
from tests.invocation.batched import CHAT, EMBEDDER, answered, begun, kept, line, made, read, worked
from tests.invocation.door import onboarded, opened
from tests.upstream.openai_server import OpenAIServer
from tests.usage.shipped import shipped


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


async def test_the_lines_of_a_deactivated_application_are_not_answered():
    door = opened()
    batch = await made(door, await kept(door, line("a")))
    assert await begun(door, batch) == 1
    directory.set_active(door.caller.client, False)
    await answered(door, batch, 0)
    found = records.get(Batch, door.caller.application, batch)
    assert found is not None
    assert (found.completed, found.failed) == (0, 1)
    errors = services.file(door.caller, found.file_of(Results.ERRORS))
    assert b"deactivated" in b"".join(services.content(errors))
    shipped()
    assert usage.metrics(door.caller.application, None, None) == {}


async def test_limits_hold_and_a_line_over_one_waits_for_it():
    door = onboarded(allowance=Allowance(concurrent=1))
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(4))))
    assert (await worked(door, batch))["request_counts"] == {"total": 4, "completed": 4, "failed": 0}
    shipped()
    counted = usage.metrics(door.caller.application, None, None)[EMBEDDER]
    assert (counted.calls - counted.failed, counted.failed > 0) == (4, True)


async def test_a_line_waits_for_money_that_calls_under_way_hold_back_and_not_for_what_is_spent(upstream: OpenAIServer):
    door = onboarded(allowance=Allowance(usd_per_day=0.2))
    body = {"model": "priced", "messages": call()["prompt"], "max_tokens": 20}
    lines = [line(each, body, CHAT) for each in ("a", "b")]
    batch = await made(door, await kept(door, *lines), CHAT)
    await begun(door, batch)
    async with under_way(door) as ended:
        working = asyncio.create_task(answered(door, batch, 0))
        refused = await on_the_account(door, 2)
        assert {row.outcome for row in refused} == {"rate_limited"}
        ended.set()
        await working
    while (told := (await door.get(f"/v1/batches/{batch}")).json)["status"] == "in_progress":
        await answered(door, batch, 0)
    assert told["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    (result,) = await read(door, told["error_file_id"])
    assert (result["response"]["status_code"], result["response"]["body"]["error"]["code"]) == (402, "insufficient_quota")


async def test_lines_over_a_limit_that_is_far_away_wait_in_the_queue_with_what_is_done():
    door = onboarded(allowance=Allowance(requests_per_minute=2))
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(5))))
    await begun(door, batch)
    delayed = awaiting(door.caller.application, "batches")[1]
    await answered(door, batch, 0)
    assert awaiting(door.caller.application, "batches")[1] == delayed + 1
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["completed"]) == ("in_progress", 0)
    policy = records.get(Policy, door.caller.application)
    assert policy is not None
    applications.set_policy(replace(policy, allowance=Allowance()))
    await answered(door, batch, 0)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["completed"]) == ("completed", 5)
    assert [each["custom_id"] for each in await read(door, told["output_file_id"])] == ["0", "1", "2", "3", "4"]
    shipped()
    counted = usage.metrics(door.caller.application, None, None)[EMBEDDER]
    assert counted.calls - counted.failed == 5, "what was done was not done again"


async def test_what_waits_for_a_limit_is_cancelled_and_what_is_done_stays():
    door = onboarded(allowance=Allowance(requests_per_minute=2))
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(5))))
    await begun(door, batch)
    await answered(door, batch, 0)
    await door.post(f"/v1/batches/{batch}/cancel", b"")
    await answered(door, batch, 0)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["completed"]) == ("cancelled", 2)
    assert len(await read(door, told["output_file_id"])) == 2


async def test_a_line_that_is_larger_than_a_limit_does_not_wait_for_it():
    door = onboarded(allowance=Allowance(tokens_per_minute=10))
    ended = await worked(door, await made(door, await kept(door, line("a", {"model": EMBEDDER, "input": "word " * 100}))))
    (result,) = await read(door, ended["error_file_id"])
    assert result["response"]["status_code"] == 429


async def test_a_policy_holds_for_every_line():
    door = onboarded(models=("smollm2-135m-instruct",))
    ended = await worked(door, await made(door, await kept(door, line("a"))))
    (result,) = await read(door, ended["error_file_id"])
    assert result["response"]["status_code"] == 403


async def test_every_line_is_on_the_account_with_its_batch_and_custom_id():
    door = opened()
    batch = await made(door, await kept(door, line("one, two = 3")))
    ended = await worked(door, batch)
    (result,) = await read(door, ended["output_file_id"])
    shipped()
    row, _ = usage.call(door.caller.application, result["response"]["request_id"])
    assert row.labels == {"batch": batch, "custom_id": "one%2C two = 3"}


async def test_lines_wait_for_a_model_that_cannot_be_reached_and_are_answered_once_it_is_there_again(upstream: OpenAIServer):
    door = onboarded()
    model = models.find_model("priced")
    (place,) = model.deployments
    models.save_model(replace(model, deployments=(replace(place, base_url="http://127.0.0.1:9/v1"),)))
    body = {"model": "priced", "messages": call()["prompt"], "max_tokens": 20}
    batch = await made(door, await kept(door, *(line(f"{n}", body, CHAT) for n in range(9))), CHAT)
    await begun(door, batch)
    delayed = awaiting(door.caller.application, "batches")[1]
    await answered(door, batch, 0)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert awaiting(door.caller.application, "batches")[1] == delayed + 1
    assert (told["status"], told["request_counts"]["failed"]) == ("in_progress", 0)
    models.save_model(model)
    await answered(door, batch, 0)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]) == ("completed", {"total": 9, "completed": 9, "failed": 0})
