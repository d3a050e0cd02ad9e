"""OpenAI's files through the door: uploaded, read, listed and deleted."""

from typing import get_type_hints

import pytest
from openai.types import BatchCreateParams, FileCreateParams

from apps.invocation.batches.records import UploadedFile
from foundation.adapters import files, records
from foundation.errors import NotFound
from foundation.openapi import described
from tests.invocation.batched import BOUNDARY, EMBEDDINGS, delete, kept, line, uploaded
from tests.invocation.door import Door, ask, opened


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


async def test_each_member_that_the_sdk_documents_is_honoured_or_refused_by_its_name(door: Door):
    decided = {
        "/v1/files": (FileCreateParams, {"file", "purpose"}, {"expires_after"}),
        "/v1/batches": (
            BatchCreateParams,
            {"input_file_id", "endpoint", "completion_window", "metadata"},
            {"output_expires_after"},
        ),
    }
    for path, (shape, honoured, refused) in decided.items():
        assert set(get_type_hints(shape)) == honoured | refused, f"say what becomes of what is new at {path}"
    file = await uploaded(door, b"{}", **{"expires_after[anchor]": "created_at"})
    assert (file.status, file.json["error"]["param"]) == (400, "expires_after[anchor]")
    given = {"input_file_id": await kept(door, line("a")), "endpoint": EMBEDDINGS, "completion_window": "24h"}
    batch = await door.post("/v1/batches", {**given, "output_expires_after": {"seconds": 3600, "anchor": "created_at"}})
    assert (batch.status, batch.json["error"]["param"]) == (400, "output_expires_after")
    assert (await door.post("/v1/batches", {**given, "metadata": {"team": "search"}})).json["metadata"] == {"team": "search"}


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
async def test_a_filter_that_a_list_does_not_have_is_refused_by_its_name(door: Door, path: str):
    answer = await door.get(f"{path}?limit=1&status=completed")
    assert (answer.status, answer.json["error"]["param"]) == (400, "status")
    assert "there are after, limit" in answer.json["error"]["message"]


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


async def test_a_method_that_a_path_does_not_have_is_refused_in_openais_words(door: Door):
    answer = await ask("PUT", "/v1/files", b"", door.token, {})
    assert (answer.status, answer.json["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert (await ask("OPTIONS", "/v1/files", b"", None, {})).headers["allow"] == answer.headers["allow"]
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
