"""OpenAI's batches through the door: answered line by line, refused, cancelled, expired, given up."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from apps.invocation import tasks
from apps.invocation.batches import services
from apps.invocation.batches.records import Batch, Results
from apps.usage import services as usage
from foundation.adapters import files, records
from foundation.ambient import now
from tests.invocation.batched import CHAT, EMBEDDER, EMBEDDINGS, answered, begun, delete, kept, line, made, read, worked
from tests.invocation.door import Door, opened
from tests.usage.shipped import shipped


async def test_a_batch_is_answered_line_by_line(door: Door):
    batch = await made(door, await kept(door, *(line(f"id-{n}") for n in range(45))), metadata={"run": "one"})
    ended = await worked(door, batch)
    assert (ended["status"], ended["metadata"]) == ("completed", {"run": "one"})
    assert ended["request_counts"] == {"total": 45, "completed": 45, "failed": 0}
    assert None not in (ended["in_progress_at"], ended["finalizing_at"], ended["completed_at"])
    assert (ended["errors"], ended["error_file_id"], ended["expired_at"], ended["failed_at"]) == (None,) * 4
    results = await read(door, ended["output_file_id"])
    assert [each["custom_id"] for each in results] == [f"id-{n}" for n in range(45)]
    assert len({each["id"] for each in results}) == 45
    for each in results:
        assert (each["error"], each["response"]["status_code"]) == (None, 200)
        assert len(each["response"]["body"]["data"][0]["embedding"]) == 384
    told = (await door.get(f"/v1/files/{ended['output_file_id']}")).json
    assert told["bytes"] == len((await door.get(f"/v1/files/{told['id']}/content")).body)
    assert told["purpose"] == "batch_output"


async def test_a_line_is_answered_as_a_request_of_its_own_would_be(door: Door):
    chat = {"model": "smollm2-135m-instruct", "temperature": 0, "max_tokens": 3}
    chat["messages"] = [{"role": "user", "content": "What is the capital of France?"}]
    for url, body in (
        (CHAT, chat),
        ("/v1/messages", chat),
        ("/v1/responses", {"model": chat["model"], "input": "Hello", "max_output_tokens": 16}),
    ):
        alone = (await door.post(url, body)).json
        ended = await worked(door, await made(door, await kept(door, line("a", body, url)), url))
        (result,) = await read(door, ended["output_file_id"])
        assert result["response"]["body"].keys() == alone.keys(), url
        if "choices" in alone:
            assert result["response"]["body"]["choices"] == alone["choices"]


async def test_a_line_says_what_of_it_did_not_hold_as_it_was_asked(door: Door):
    said = [{"role": "user", "content": "Hi.", "mood": "calm"}]
    body = {"model": "smollm2-135m-instruct", "messages": said, "max_tokens": 3, "user": "u", "verbosity": "low"}
    ended = await worked(door, await made(door, await kept(door, line("a", body, CHAT)), CHAT))
    (result,) = await read(door, ended["output_file_id"])
    assert result["response"]["headers"] == {"x-ignored-parameters": "user,messages.mood,verbosity"}


async def test_lines_that_fail_are_in_the_error_file_in_the_words_of_their_dialect(door: Door):
    bad = {"model": "nothing", "input": "x"}
    ended = await worked(door, await made(door, await kept(door, line("good"), line("bad", bad), line("odd", {"model": 7}))))
    assert ended["status"] == "completed"
    assert ended["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    assert [each["custom_id"] for each in await read(door, ended["output_file_id"])] == ["good"]
    unknown, odd = await read(door, ended["error_file_id"])
    assert (unknown["custom_id"], unknown["response"]["status_code"], unknown["error"]) == ("bad", 404, None)
    assert unknown["response"]["body"]["error"]["code"] == "model_not_found"
    assert (odd["custom_id"], odd["response"]["status_code"]) == ("odd", 400)
    found = (await door.get("/v1/files?purpose=batch_output&limit=2")).json["data"]
    assert {each["id"] for each in found} == {ended["output_file_id"], ended["error_file_id"]}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"{not json", "invalid_json_line"),
        (b"[1]", "invalid_json_line"),
        (line("first"), "duplicate_custom_id"),
        (line("b", url=CHAT), "invalid_url"),
        (line("b", method="GET"), "invalid_method"),
        (line("", method="POST"), "invalid_custom_id"),
        (line("b", body="text"), "missing_required_parameter"),
        (line("b", body={"model": EMBEDDER, "stream": True}), "unsupported_parameter"),
    ],
)
async def test_a_wrong_line_fails_the_batch_with_its_number_and_reason(door: Door, wrong: Any, code: str):
    batch = await made(door, await kept(door, line("first"), wrong))
    assert await begun(door, batch) == 0
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["output_file_id"], told["request_counts"]["total"]) == ("failed", None, 0)
    assert told["failed_at"] is not None
    (error,) = told["errors"]["data"]
    assert (error["line"], error["code"]) == (2, code)
    assert error["message"]


async def test_a_file_without_requests_and_one_that_is_gone_fail_the_batch(door: Door):
    empty, gone = await kept(door, b"\n\n"), await kept(door, line("a"))
    batches = [await made(door, empty), await made(door, gone)]
    await delete(door, f"/v1/files/{gone}")
    codes = [(await worked(door, batch))["errors"]["data"][0]["code"] for batch in batches]
    assert codes == ["empty_file", "file_not_found"]


@pytest.mark.parametrize(
    ("changed", "param"),
    [({"endpoint": "/v1/rerank"}, "endpoint"), ({"completion_window": "1h"}, "completion_window"), ({"model": "x"}, "model")],
)
async def test_a_batch_that_cannot_be_is_refused(door: Door, changed: dict[str, str], param: str):
    wanted = {"input_file_id": await kept(door, line("a")), "endpoint": EMBEDDINGS, "completion_window": "24h"}
    answer = await door.post("/v1/batches", {**wanted, **changed})
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


async def test_what_is_anothers_is_not_there(door: Door, other_door: Door):
    file = await kept(door, line("a"))
    batch = await made(door, file)
    assert (await other_door.get(f"/v1/files/{file}")).status == 404
    assert (await other_door.get(f"/v1/files/{file}/content")).status == 404
    assert (await delete(other_door, f"/v1/files/{file}")).status == 404
    assert (await other_door.get(f"/v1/batches/{batch}")).status == 404
    assert (await other_door.post(f"/v1/batches/{batch}/cancel", b"")).status == 404
    wanted = {"input_file_id": file, "endpoint": EMBEDDINGS, "completion_window": "24h"}
    strange = await other_door.post("/v1/batches", wanted)
    assert (strange.status, strange.json["error"]["type"]) == (404, "invalid_request_error")
    assert file not in (await other_door.get("/v1/files")).body.decode()


async def test_batches_are_listed_newest_first_in_pages():
    door = opened()
    file = await kept(door, line("a"))
    three = [await made(door, file) for _ in range(3)]
    first = (await door.get("/v1/batches?limit=2")).json
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (three[:0:-1], True)
    rest = (await door.get(f"/v1/batches?limit=2&after={first['last_id']}")).json
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (three[:1], False)
    assert (await door.get("/v1/batches?limit=0")).status == 400


async def test_messages_that_come_again_change_nothing():
    door = opened()
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(25))))
    first = await worked(door, batch)
    results = await read(door, first["output_file_id"])
    assert await worked(door, batch) == first
    assert await read(door, first["output_file_id"]) == results
    shipped()
    assert usage.metrics(door.caller.application, None, None)[EMBEDDER].calls == 25


async def test_results_can_be_read_while_the_batch_is_worked_on(door: Door):
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(30))))
    assert await begun(door, batch) == 2
    assert (await door.get(f"/v1/batches/{batch}")).json["output_file_id"] is None
    await answered(door, batch, 1)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["completed"]) == ("in_progress", 10)
    assert [each["custom_id"] for each in await read(door, told["output_file_id"])] == [f"{n}" for n in range(20, 30)]
    refused = await delete(door, f"/v1/files/{told['output_file_id']}")
    assert (refused.status, batch in refused.json["error"]["message"]) == (400, True)
    await answered(door, batch, 0)
    assert len(await read(door, told["output_file_id"])) == 30
    assert (await delete(door, f"/v1/files/{told['output_file_id']}")).status == 200
    assert (await door.get(f"/v1/files/{told['output_file_id']}")).status == 404


async def test_results_that_are_deleted_as_their_batch_ends_are_gone_with_those_of_its_last_part(monkeypatch):
    door = opened()
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(25))))
    assert await begun(door, batch) == 2
    await answered(door, batch, 0)
    file = (await door.get(f"/v1/batches/{batch}")).json["output_file_id"]
    ending = iter([1])

    def ends_in_between(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        answer = second()
        for part in ending:
            tasks.answer_part(door.caller.application, batch, str(part))
        return first(), answer

    monkeypatch.setattr(services, "together", ends_in_between)
    assert (await delete(door, f"/v1/files/{file}")).status == 200
    places = [part.results_of(Results.OUTPUT) for part in services.parts_of(door.caller.application, batch)]
    assert [files.find(place) for place in places] == [None, None]


async def test_a_cancelled_batch_begins_no_more_and_keeps_what_it_has(door: Door):
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(30))))
    await begun(door, batch)
    await answered(door, batch, 0)
    assert (await door.post(f"/v1/batches/{batch}/cancel", b"")).json["status"] == "cancelling"
    await answered(door, batch, 1)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]) == ("cancelled", {"total": 30, "completed": 20, "failed": 0})
    assert None not in (told["cancelling_at"], told["cancelled_at"])
    assert len(await read(door, told["output_file_id"])) == 20


async def test_a_batch_can_be_cancelled_before_it_is_begun_and_not_when_it_is_over(door: Door):
    batch = await made(door, await kept(door, line("a")))
    await door.post(f"/v1/batches/{batch}/cancel", b"")
    assert (await worked(door, batch))["status"] == "cancelled"
    over = await made(door, await kept(door, line("a")))
    await worked(door, over)
    refused = await door.post(f"/v1/batches/{over}/cancel", b"")
    assert (refused.status, "completed" in refused.json["error"]["message"]) == (400, True)


async def test_what_has_not_begun_by_the_deadline_expires(door: Door):
    batch = await made(door, await kept(door, line("a"), line("b")))
    await begun(door, batch)
    stored = records.get(Batch, door.caller.application, batch)
    assert stored is not None
    records.put(replace(stored, deadline=now()))
    await answered(door, batch, 0)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["failed"]) == ("expired", 2)
    assert told["expired_at"] is not None
    assert [each["error"]["code"] for each in await read(door, told["error_file_id"])] == ["batch_expired"] * 2


async def test_a_part_that_was_given_up_on_is_failed_with_the_reason_once(door: Door):
    batch = await made(door, await kept(door, line("a")))
    await begun(door, batch)
    for _ in range(2):
        tasks.abandon_part("its worker ended", door.caller.application, batch, "0")
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], told["request_counts"]["failed"]) == ("completed", 1)
    (result,) = await read(door, told["error_file_id"])
    assert (result["response"], "its worker ended" in result["error"]["message"]) == (None, True)
    assert (await worked(door, batch)) == told


async def test_a_batch_that_could_not_be_begun_is_failed_with_the_reason(door: Door):
    batch = await made(door, await kept(door, line("a")))
    tasks.abandon_batch("the store does not answer", door.caller.application, batch)
    told = (await door.get(f"/v1/batches/{batch}")).json
    assert (told["status"], "the store does not answer" in told["errors"]["data"][0]["message"]) == ("failed", True)
