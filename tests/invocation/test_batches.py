"""OpenAI's files and batches through the door, with the work done as workers do it."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.invocation import tasks
from apps.invocation.batches.records import Batch, UploadedFile
from apps.usage import services as usage
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.errors import NotFound
from foundation.openapi import described
from tests.invocation.door import Answer, Door, ask, onboarded, opened
from tests.usage.shipped import shipped

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
EMBEDDER = "all-minilm-l6-v2"
BOUNDARY = "the-boundary"


def line(custom_id: str, body: Any = None, url: str = EMBEDDINGS, **changed: Any) -> dict[str, Any]:
    """A line of a batch's file."""
    wanted = {"model": EMBEDDER, "input": f"text {custom_id}"} if body is None else body
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": wanted, **changed}


def form(content: bytes, **fields: str) -> bytes:
    """A multipart form with a file."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
    return "".join(parts).encode() + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


async def uploaded(door: Door, content: bytes, **fields: str) -> Answer:
    body = form(content, **{"purpose": "batch", **fields})
    return await door.post("/v1/files", body, content_type=f"multipart/form-data; boundary={BOUNDARY}")


async def kept(door: Door, *lines: Any) -> str:
    """The id of a new file with these lines: values as JSON, or bytes as they are."""
    written = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    answer = await uploaded(door, b"\n".join(written))
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def made(door: Door, file: str, endpoint: str = EMBEDDINGS, **changed: Any) -> str:
    wanted = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h", **changed}
    answer = await door.post("/v1/batches", wanted)
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "validating"
    return str(answer.json["id"])


async def begun(door: Door, batch: str) -> int:
    """The first message of a batch, worked on; the number of the others."""
    await asyncio.to_thread(tasks.begin_batch, door.caller.application, batch)
    found = records.get(Batch, door.caller.application, batch)
    assert found is not None
    return found.parts


async def answered(door: Door, batch: str, part: int) -> None:
    await asyncio.to_thread(tasks.answer_part, door.caller.application, batch, str(part))


async def worked(door: Door, batch: str) -> Any:
    """All the messages of a batch, worked on; the batch then."""
    for part in range(await begun(door, batch)):
        await answered(door, batch, part)
    return (await door.get(f"/v1/batches/{batch}")).json


async def delete(door: Door, path: str) -> Answer:
    return await ask("DELETE", path, b"", door.token, {})


async def read(door: Door, file: str) -> list[Any]:
    """The lines of a file."""
    answer = await door.get(f"/v1/files/{file}/content")
    assert answer.status == 200, answer.body
    return [json.loads(each) for each in answer.body.splitlines()]


async def test_a_file_is_kept_as_it_is_and_is_told_as_openai_tells_it(door: Door):
    content = b"".join(b'{"n":%d}\n' % number for number in range(5))
    answer = await uploaded(door, content)
    assert answer.status == 200, answer.body
    told = answer.json
    assert (told["object"], told["bytes"], told["filename"], told["purpose"]) == ("file", len(content), "in.jsonl", "batch")
    assert told["expires_at"] - told["created_at"] == 30 * 24 * 3600
    assert (await door.get(f"/v1/files/{told['id']}")).json == told
    read_back = await door.get(f"/v1/files/{told['id']}/content")
    assert (read_back.body, read_back.headers["content-length"]) == (content, str(len(content)))


async def test_a_file_larger_than_a_body_may_be_is_taken(door: Door):
    content = b'{"a":1}\n' * (11 * 2**20 // 8)
    answer = await uploaded(door, content)
    assert (answer.status, answer.json["bytes"]) == (200, len(content))
    assert (await delete(door, f"/v1/files/{answer.json['id']}")).status == 200


@pytest.mark.parametrize(
    ("content", "fields", "param"),
    [(b"{}", {"purpose": "assistants"}, "purpose"), (b"", {}, "file"), (b"{}", {"colour": "red"}, "colour")],
)
async def test_what_is_no_upload_is_refused_in_openais_words(door: Door, content: bytes, fields: dict[str, str], param: str):
    answer = await uploaded(door, content, **fields)
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert answer.json["error"]["param"] == param


async def test_a_body_that_is_no_form_is_refused(door: Door):
    for content_type in ("application/json", "multipart/form-data", f"multipart/form-data; boundary={BOUNDARY}"):
        answer = await door.post("/v1/files", b"{}", content_type=content_type)
        assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error"), content_type


async def test_a_deleted_file_is_gone_with_its_content(door: Door):
    file = await kept(door, line("a"))
    path = records.get(UploadedFile, door.caller.application, file).path  # type: ignore[union-attr]
    assert (await delete(door, f"/v1/files/{file}")).json == {"id": file, "object": "file", "deleted": True}
    assert {(await door.get(f"/v1/files/{file}{rest}")).status for rest in ("", "/content")} == {404}
    with pytest.raises(NotFound):
        files.read(path)


async def test_files_are_listed_in_pages_by_time_and_purpose():
    door = opened()
    three = [await kept(door, line("a")) for _ in range(3)]
    first = (await door.get("/v1/files?limit=2")).json
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (three[:0:-1], True)
    rest = (await door.get(f"/v1/files?limit=2&after={first['last_id']}")).json
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (three[:1], False)
    ascending = (await door.get(f"/v1/files?order=asc&after={three[0]}&purpose=batch")).json
    assert [each["id"] for each in ascending["data"]] == three[1:]
    assert (await door.get("/v1/files?purpose=batch_output")).json["data"] == []


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


async def test_the_lines_of_a_deactivated_application_are_not_answered():
    door = opened()
    batch = await made(door, await kept(door, line("a")))
    assert await begun(door, batch) == 1
    directory.set_active(door.caller.client, False)
    await answered(door, batch, 0)
    found = records.get(Batch, door.caller.application, batch)
    assert found is not None
    assert (found.completed, found.failed) == (0, 1)
    assert b"deactivated" in files.read(f"batches/{door.caller.application}/{batch}/errors/00000.jsonl")
    shipped()
    assert usage.metrics(door.caller.application, None, None) == {}


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


async def test_limits_hold_and_a_line_over_one_waits_for_it():
    door = onboarded(allowance=Allowance(concurrent=1))
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(4))))
    assert (await worked(door, batch))["request_counts"] == {"total": 4, "completed": 4, "failed": 0}
    shipped()
    counted = usage.metrics(door.caller.application, None, None)[EMBEDDER]
    assert (counted.calls - counted.failed, counted.failed > 0) == (4, True)


async def test_lines_over_a_limit_that_is_far_away_wait_in_the_queue_with_what_is_done():
    door = onboarded(allowance=Allowance(requests_per_minute=2))
    batch = await made(door, await kept(door, *(line(f"{n}") for n in range(5))))
    await begun(door, batch)
    delayed = queues.depth("batches").delayed
    await answered(door, batch, 0)
    assert queues.depth("batches").delayed == delayed + 1
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


async def test_a_method_that_a_path_does_not_have_is_refused_in_openais_words(door: Door):
    answer = await ask("PUT", "/v1/files", b"", door.token, {})
    assert (answer.status, answer.json["error"]["code"]) == (405, "method_not_allowed")
    assert (await ask("HEAD", "/v1/files", b"", door.token, {})).status == 200


def test_every_method_is_in_the_document_with_its_own_shapes():
    paths = described()["paths"]
    assert paths["/v1/files"].keys() == {"get", "post"}
    assert paths["/v1/files/{file_id}"].keys() == {"get", "delete"}
    (form,) = paths["/v1/files"]["post"]["requestBody"]["content"].items()
    assert (form[0], form[1]["schema"]["$ref"].rpartition("/")[2]) == ("multipart/form-data", "Upload")
    assert {each["name"] for each in paths["/v1/batches"]["get"]["parameters"]} == {"after", "limit"}
    for method, shape in (("get", "OpenAIBatchList"), ("post", "OpenAIBatch")):
        responses = paths["/v1/batches"][method]["responses"]
        assert responses["200"]["content"]["application/json"]["schema"]["$ref"].endswith(f"/{shape}")
        assert responses["404"]["content"]["application/json"]["schema"]["$ref"].endswith("/OpenAIError")


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
