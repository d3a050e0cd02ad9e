"""Anthropic's Message Batches through the door, with the work done as workers do it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from msgspec.structs import replace

from apps.invocation.batches.records import Batch
from foundation.adapters import records
from foundation.ambient import now
from foundation.records import update
from tests.invocation.batched import answered, begun, kept, line, made
from tests.invocation.door import Door, ask, opened

BATCHES = "/v1/messages/batches"
LOCAL = "smollm2-135m-instruct"


def asking(custom_id: str, **changed: Any) -> Any:
    """One request."""
    turns = [{"role": "user", "content": f"Say {custom_id}."}]
    return {"custom_id": custom_id, "params": {"model": LOCAL, "max_tokens": 3, "messages": turns, **changed}}


async def created(door: Door, *requests: Any) -> str:
    """The id of a new batch."""
    answer = await door.post(BATCHES, {"requests": requests})
    assert answer.status == 200, answer.body
    told = MessageBatch.model_validate(answer.json)
    assert (told.processing_status, told.results_url, told.request_counts.processing) == ("in_progress", None, len(requests))
    assert told.expires_at - told.created_at == timedelta(hours=24)
    return str(told.id)


async def worked(door: Door, batch: str) -> MessageBatch:
    """The batch when workers have done all that it has."""
    for part in range(await begun(door, batch)):
        await answered(door, batch, part)
    found = MessageBatch.model_validate((await door.get(f"{BATCHES}/{batch}")).json)
    assert found.processing_status == "ended" and found.ended_at is not None
    assert found.results_url is not None and found.results_url.endswith(f"{BATCHES}/{batch}/results")
    return found


async def results(door: Door, batch: str) -> Sequence[Any]:
    """The lines of the results, each by the types of Anthropic's SDK."""
    answer = await door.get(f"{BATCHES}/{batch}/results")
    assert answer.status == 200, answer.body
    return [MessageBatchIndividualResponse.model_validate_json(each) for each in answer.body.splitlines()]


async def test_each_request_is_answered_as_if_it_were_sent_on_its_own(door: Door):
    batch = await created(
        door, asking("one", temperature=0), asking("two", top_p=0.5, mood="good"), asking("three", model="nobody")
    )
    assert (await door.get(f"{BATCHES}/{batch}/results")).status == 400
    counts = (await worked(door, batch)).request_counts
    assert (counts.succeeded, counts.errored, counts.canceled, counts.expired, counts.processing) == (2, 1, 0, 0, 0)
    one, two, three = await results(door, batch)
    assert [each.custom_id for each in (one, two, three)] == ["one", "two", "three"]
    assert (one.result.type, one.result.message.usage.output_tokens, one.result.message.model) == ("succeeded", 3, LOCAL)
    assert two.headers == {"x-ignored-parameters": "mood"}
    assert (three.result.type, three.result.error.error.type) == ("errored", "not_found_error")
    assert "nobody" in three.result.error.error.message


async def test_what_was_not_begun_when_it_is_cancelled_is_told_as_such(door: Door):
    batch = await created(door, *(asking(f"n{number}") for number in range(25)))  # of which 20 are one part
    assert await begun(door, batch) == 2
    await answered(door, batch, 0)
    cancelling = MessageBatch.model_validate((await door.post(f"{BATCHES}/{batch}/cancel", b"")).json)
    assert (cancelling.processing_status, cancelling.cancel_initiated_at is None) == ("canceling", False)
    await answered(door, batch, 1)
    counts = (await worked(door, batch)).request_counts
    assert (counts.succeeded, counts.canceled, counts.processing) == (20, 5, 0)
    assert [each.result.type for each in await results(door, batch)] == ["succeeded"] * 20 + ["canceled"] * 5


async def test_a_batch_that_is_cancelled_before_a_worker_has_seen_it_answers_nothing(door: Door):
    batch = await created(door, asking("a"), asking("b"))
    await door.post(f"{BATCHES}/{batch}/cancel", b"")
    counts = (await worked(door, batch)).request_counts
    assert (counts.canceled, counts.succeeded) == (2, 0)
    assert [each.result.type for each in await results(door, batch)] == ["canceled"] * 2


async def test_what_has_ended_cannot_be_cancelled_and_is_told_so_in_anthropics_words(door: Door):
    batch = await created(door, asking("a"))
    await worked(door, batch)
    answer = await door.post(f"{BATCHES}/{batch}/cancel", b"")
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert answer.json["error"]["message"] == f"{batch} cannot be canceled any more: it has ended, or all of its requests have"


async def test_what_was_not_begun_in_time_has_expired(door: Door):
    batch = await created(door, asking("a"))
    late = {"change": lambda current: replace(current, deadline=now() - timedelta(seconds=1))}
    update(records, Batch, door.caller.application, batch, **late)
    assert (await worked(door, batch)).request_counts.expired == 1
    assert [each.result.type for each in await results(door, batch)] == ["expired"]


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        ([], "requests"),
        ([asking("a"), asking("a")], "requests.1.custom_id"),
        ([asking("a b")], "requests.0.custom_id"),
        ([asking("x" * 65)], "requests.0.custom_id"),
        ([{"custom_id": "a"}], "requests.0.params"),
        ([asking("a"), {**asking("b"), "colour": "red"}], "requests.1.colour"),
        ([asking("a", stream=True)], "requests.0.params.stream"),
    ],
)
async def test_requests_that_cannot_be_are_refused_by_their_place_before_any_is_answered(door: Door, requests: Any, says: str):
    answer = await door.post(BATCHES, {"requests": requests})
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert answer.json["error"]["message"].startswith(says)


async def test_batches_are_listed_in_pages_both_ways_and_each_dialect_lists_its_own():
    door = opened()
    three = [await created(door, asking("a")) for _ in range(3)][::-1]
    openai = await made(door, await kept(door, line("a")))
    whole = (await door.get(BATCHES)).json
    assert ([each["id"] for each in whole["data"]], whole["has_more"]) == (three, False)
    assert (whole["first_id"], whole["last_id"]) == (three[0], three[2])
    first = (await door.get(f"{BATCHES}?limit=2")).json
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (three[:2], True)
    for query, some, more in (
        (f"after_id={three[1]}", three[2:], False),
        (f"before_id={three[2]}&limit=1", three[1:2], True),
        (f"before_id={three[1]}", three[:1], False),
    ):
        page = (await door.get(f"{BATCHES}?{query}")).json
        assert ([each["id"] for each in page["data"]], page["has_more"]) == (some, more), query
    assert [each["id"] for each in (await door.get("/v1/batches")).json["data"]] == [openai]
    assert len((await door.get("/v1/files")).json["data"]) == 1
    for path in (f"{BATCHES}/{openai}", f"/v1/batches/{three[0]}"):
        assert (await door.get(path)).status == 404
    for path in (
        f"{BATCHES}?after_id={openai}",
        f"{BATCHES}?before_id=a",
        f"/v1/batches?after={three[0]}",
        "/v1/batches?after=zz",
    ):
        assert (await door.get(path)).status == 400, path  # of one list, no place is found by an id of another
    both = await door.get(f"{BATCHES}?after_id={three[0]}&before_id={three[1]}")
    assert (both.status, both.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/{}"), ("GET", "/{}/results"), ("POST", "/{}/cancel")]
)
async def test_every_path_takes_what_sdks_add_for_the_beta(door: Door, method: str, path: str):
    batch = await created(door, asking("a"))
    if path.endswith("results"):
        await worked(door, batch)
    body = b"" if path or method == "GET" else {"requests": [asking("a")]}
    where = f"{BATCHES}{path.format(batch)}?beta=true"
    answer = await (door.post(where, body) if method == "POST" else door.get(where))
    assert answer.status == 200, answer.body
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x", 404), ("POST", "", 400), ("DELETE", "/x", 405)])
async def test_a_refusal_has_its_id_in_the_body_too(door: Door, method: str, path: str, status: int):
    answer = await ask(method, f"{BATCHES}{path}", b"{}", door.token, {})
    assert answer.status == status
    assert answer.json["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]


async def test_a_batch_of_another_is_not_there(door: Door):
    batch = await created(door, asking("a"))
    for path in (batch, f"{batch}/results"):
        answer = await opened().get(f"{BATCHES}/{path}")
        assert (answer.status, answer.json["type"], answer.json["error"]["type"]) == (404, "error", "not_found_error")
    refused = await ask("DELETE", f"{BATCHES}/{batch}", b"", door.token, {})
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
