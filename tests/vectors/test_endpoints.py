"""/vector as clients see it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import pytest

from apps.vectors import work
from tests.invocation.door import Answer, Door, ask, opened
from tests.vectors.indexes import chunked, finished, new_index

T = TypeVar("T")
NOWHERE = "00000000-0000-4000-8000-000000000000"
TEXT = "Water boils at a lower temperature\nin the mountains."


@pytest.fixture(scope="module")
def door() -> Door:
    return opened()


@pytest.fixture(scope="module")
def other() -> Door:
    return opened()


async def ok(answered: Any) -> Any:
    answer: Answer = await answered
    assert answer.status == 200, answer.body
    return answer.json


async def new_store(door: Door, **more: Any) -> str:
    wanted = {"store_name": "documents", "store_type": "opensearchserverless", **more}
    return str((await ok(door.post("/vector/store/create", wanted)))["store_id"])


async def made_index(door: Door, store: str, name: str = "passages") -> str:
    return str((await ok(door.post("/vector/store/index/create", {"store_id": store, "index_name": name})))["index_id"])


async def test_store_create_answers_as_the_contract_says(door: Door) -> None:
    wanted = {"store_name": "my store", "store_type": "opensearchserverless", "unknown": 1}
    answer = await ok(door.post("/vector/store/create", wanted))
    assert answer == {
        "store_name": "my store",
        "store_type": "opensearchserverless",
        "store_id": answer["store_id"],
        "message": "Vector store created successfully",
    }
    status = await ok(door.post("/vector/store/status", {"store_id": answer["store_id"]}))
    assert status == {"store_id": answer["store_id"], "status": "ACTIVE"}


@pytest.mark.parametrize(
    "more",
    [
        {"description": None},
        {"description": "x"},
        {"tags": []},
        {"tags": [{"key": "a", "value": "b"}]},
        {"store_type": "lancedb"},
        {"store_type": "opensearch"},
    ],
)
async def test_store_create_takes(door: Door, more: dict[str, Any]) -> None:
    await new_store(door, **more)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"tags": None}, "body.tags"),
        ({"tags": {"key": "a"}}, "body.tags"),
        ({"tags": ["a"]}, "body.tags.0"),
        ({"tags": [{"key": 1}]}, "body.tags.0.key"),
        ({"store_name": 5}, "body.store_name"),
        ({"store_name": None}, "body.store_name"),
        ({"store_name": "a\x00b"}, "body.store_name"),
        ({"store_type": []}, "body.store_type"),
    ],
)
async def test_store_create_refuses_by_the_fields_name(door: Door, more: dict[str, Any], field: str) -> None:
    answer = await door.post("/vector/store/create", {"store_name": "a", "store_type": "opensearchserverless", **more})
    assert (answer.status, answer.fields) == (422, [field])


async def test_another_store_type_is_a_400(door: Door) -> None:
    answer = await door.post("/vector/store/create", {"store_name": "a", "store_type": "faiss"})
    assert (answer.status, answer.json["detail"]) == (400, "Invalid store type")


@pytest.mark.parametrize("name", ["", "../up", "%2e%2e%2fup", "a\nb", "a\u202eb", "CON", "x" * 1000])
async def test_a_bad_name_is_a_400(door: Door, name: str) -> None:
    answer = await door.post("/vector/store/create", {"store_name": name, "store_type": "lancedb"})
    assert answer.status == 400
    assert "store_name" in answer.json["detail"]


async def test_the_401_wins_over_a_body_that_fails_validation() -> None:
    answer = await ask("POST", "/vector/store/create", b'{"store_type": "opensearchserverless", "tags": {"a": "b"}}', None, {})
    assert answer.status == 401


async def test_index_create_answers_as_the_contract_says_and_a_repeat_gives_the_same_index(door: Door) -> None:
    store = await new_store(door)
    first = await ok(door.post("/vector/store/index/create", {"store_id": store, "index_name": "passages"}))
    assert first == {
        "index_name": "passages",
        "index_id": first["index_id"],
        "store_id": store,
        "store_type": "opensearchserverless",
        "message": "Index created successfully",
        "embedding_model": "all-minilm-l6-v2",
    }
    assert await ok(door.post("/vector/store/index/create", {"store_id": store, "index_name": "passages"})) == first
    status = await ok(door.post("/vector/store/index/status", {"index_id": first["index_id"]}))
    assert status == {"index_id": first["index_id"], "status": "ACTIVE"}


async def test_an_index_may_ask_for_its_embedding_model(door: Door) -> None:
    wanted = {"store_id": await new_store(door), "index_name": "a", "embedding_model": "TITAN_TEXT_EMBED_V2"}
    assert (await ok(door.post("/vector/store/index/create", wanted)))["embedding_model"] == "all-minilm-l6-v2"
    for model in ("no such model", "smollm2-135m-instruct"):
        answer = await door.post("/vector/store/index/create", {**wanted, "index_name": "b", "embedding_model": model})
        assert answer.status == 400
        assert model in answer.json["detail"]


async def test_lists_hold_what_was_made_and_page_on_request(door: Door) -> None:
    store = await new_store(door)
    made = [await made_index(door, store, name) for name in ("one", "two", "three")]
    listed = await ok(door.get(f"/vector/store/{store}/indexes"))
    assert [(each["index_id"], each["index_name"]) for each in listed] == list(zip(made, ["one", "two", "three"], strict=True))
    assert {"store_id": store, "store_type": "opensearchserverless"} in await ok(
        ask("POST", "/vector/stores/list", b"", door.token, {})
    )
    page = await door.get(f"/vector/store/{store}/indexes?limit=2")
    rest = await door.get(f"/vector/store/{store}/indexes?limit=2&cursor={page.headers['x-next-cursor']}")
    assert [each["index_id"] for each in (*page.json, *rest.json)] == made


async def test_vectorize_status_list_and_search_answer_as_the_contract_says(door: Door) -> None:
    chunking, index = chunked_beside(door)
    started = await ok(door.post("/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index}))
    job = started["vectorize_job_id"]
    assert started == {
        "vectorize_job_id": job,
        "vector_store_id": started["vector_store_id"],
        "index_id": index,
        "chunking_job_id": chunking,
        "total_file_count": 1,
        "completed_file_count": 0,
        "failed_file_count": 0,
        "status": "STARTED",
    }
    worked_on(door, job)
    ended = {**started, "completed_file_count": 1, "status": "COMPLETED"}
    assert await ok(door.get(f"/vector/job/status/{job}")) == ended
    (listed,) = [each for each in await ok(door.get("/vector/jobs/list")) if each["vectorize_job_id"] == job]
    assert ended.items() <= listed.items()
    assert listed["queued_files"] == 0
    assert datetime.fromisoformat(listed["created_at"]) < datetime.fromisoformat(listed["updated_at"])
    (file,) = await ok(door.get(f"/vector/job/files/{job}"))
    assert (file["file_name"], file["status"], file["vector_count"], file["reason"]) == ("a.txt", "COMPLETED", 1, None)
    (passage,) = await ok(door.post("/vector/search", {"query": "cooking at high altitude", "index_id": index}))
    score = passage.pop("score")
    assert 0 < score <= 1
    assert passage == {"text": TEXT, "file_name": "a.txt", "page_number": 1, "chunk_number": 1, "chunking_job_id": chunking}


def chunked_beside(door: Door) -> tuple[str, str]:
    """A chunking job and an index of this application, made past HTTP in a thread of its own, as a worker makes them."""
    return in_a_thread(lambda: (chunked(door.caller, {"a.txt": TEXT}), new_index(door.caller).index))


def worked_on(door: Door, job: str) -> None:
    """The job's messages have come, in a worker's thread."""

    def messages() -> None:
        work.begin(door.caller.application, job)
        work.vectorize(door.caller.application, job, "a.txt")

    in_a_thread(messages)


def in_a_thread(work_to_do: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as worker:
        return worker.submit(work_to_do).result()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"limit": 0}, "body.limit"),
        ({"limit": 101}, "body.limit"),
        ({"limit": True}, "body.limit"),
        ({"limit": 2**63}, "body.limit"),
        ({"mode": "magic"}, "body.mode"),
        ({"filter": []}, "body.filter"),
        ({"filter": {"file_name": 5}}, "body.filter.file_name"),
        ({"query": 5}, "body.query"),
        ({"query": "x" * 10_001}, "body.query"),
    ],
)
async def test_search_refuses_by_the_fields_name(door: Door, more: dict[str, Any], field: str) -> None:
    answer = await door.post("/vector/search", {"query": "a", "index_id": NOWHERE, **more})
    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize(
    "more", [{"limit": 1}, {"limit": "1"}, {"mode": "text"}, {"mode": "vector"}, {"filter": {"file_name": "a.txt"}}]
)
async def test_search_takes_limit_mode_and_filter(door: Door, more: dict[str, Any]) -> None:
    index = in_a_thread(lambda: new_index(door.caller))
    in_a_thread(lambda: finished(door.caller, chunked(door.caller, {"a.txt": TEXT}), index))
    found = await ok(door.post("/vector/search", {"query": "water", "index_id": index.index, **more}))
    assert [each["text"] for each in found] == [TEXT]


async def test_an_empty_query_is_a_400(door: Door) -> None:
    index = await made_index(door, await new_store(door))
    answer = await door.post("/vector/search", {"query": " ", "index_id": index})
    assert (answer.status, answer.json["detail"]) == (400, "query must hold at least one word")


async def test_delete_answers_what_was_deleted(door: Door) -> None:
    store = await new_store(door)
    index = await made_index(door, store)
    assert (await ok(door.post("/vector/store/index/delete", {"index_id": index})))["index_id"] == index
    assert (await door.post("/vector/store/index/status", {"index_id": index})).status == 404
    assert (await ok(door.post("/vector/store/delete", {"store_id": store})))["store_id"] == store
    assert (await door.post("/vector/store/status", {"store_id": store})).status == 404


async def test_every_id_of_another_application_gets_the_answer_of_an_id_that_never_was(door: Door, other: Door) -> None:
    chunking, index = chunked_beside(door)
    job = await ok(door.post("/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index}))
    store, own = job["vector_store_id"], await made_index(other, await new_store(other))
    posts = [
        ("store/status", {"store_id": "store"}),
        ("store/delete", {"store_id": "store"}),
        ("store/index/create", {"store_id": "store", "index_name": "passages"}),
        ("store/index/status", {"index_id": "index"}),
        ("store/index/delete", {"index_id": "index"}),
        ("store/vectorize", {"chunking_job_id": "chunking", "index_id": own}),
        ("store/vectorize", {"chunking_job_id": "chunking", "index_id": "index"}),
        ("search", {"query": "water", "index_id": "index"}),
    ]
    ids = {"store": store, "index": index, "chunking": chunking}
    for path, body in posts:
        mine = await other.post(f"/vector/{path}", {name: ids.get(value, value) for name, value in body.items()})
        none = await other.post(f"/vector/{path}", {name: NOWHERE if value in ids else value for name, value in body.items()})
        assert (mine.status, mine.body) == (none.status, none.body) == (404, none.body)
    for path, identifier in (
        ("store/{}/indexes", store),
        ("job/status/{}", job["vectorize_job_id"]),
        ("job/files/{}", job["vectorize_job_id"]),
    ):
        mine, none = [await other.get(f"/vector/{path.format(asked)}") for asked in (identifier, NOWHERE)]
        assert (mine.status, mine.body) == (none.status, none.body) == (404, none.body)
    assert job["vectorize_job_id"] not in {each["vectorize_job_id"] for each in await ok(other.get("/vector/jobs/list"))}
    await ok(door.post("/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index}))
    cursor = (await door.get("/vector/jobs/list?limit=1")).headers["x-next-cursor"]
    assert (await door.get(f"/vector/jobs/list?limit=1&cursor={cursor}")).status == 200
    for asking, altered in ((other, cursor), (door, cursor[:-1] + ("A" if cursor[-1] != "A" else "B"))):
        assert (await asking.get(f"/vector/jobs/list?limit=1&cursor={altered}")).status == 400


@pytest.mark.parametrize(
    ("identifier", "status"),
    [
        ("../../etc/passwd", 404),
        ("%2e%2e%2fup", 404),
        ("a\u202eb", 400),
        ("CON", 404),
        ("", 404),
        ("x" * 200, 404),
        ("' or '1'='1", 404),
        ("a\nb", 400),
        ("a\x00b", 422),
        ("\ud800", 422),
        ("x" * 1000, 422),
        (5, 422),
        (None, 422),
        ([], 422),
    ],
)
async def test_an_id_that_cannot_be_one_is_refused_everywhere(door: Door, identifier: Any, status: int) -> None:
    index = await made_index(door, await new_store(door))
    for path, body in (
        ("store/status", {"store_id": identifier}),
        ("store/delete", {"store_id": identifier}),
        ("store/index/create", {"store_id": identifier, "index_name": "a"}),
        ("store/index/status", {"index_id": identifier}),
        ("store/index/delete", {"index_id": identifier}),
        ("store/vectorize", {"chunking_job_id": identifier, "index_id": index}),
        ("search", {"query": "water", "index_id": identifier}),
    ):
        answer = await door.post(f"/vector/{path}", body)
        assert answer.status == status, (path, answer.body)


@pytest.mark.parametrize("identifier", ["..", "%2e%2e", "a\nb", "a\x00b", "a\u202eb", "CON", "x" * 1000])
async def test_an_id_in_a_path_that_cannot_be_one_is_refused(door: Door, identifier: str) -> None:
    for path in (f"store/{identifier}/indexes", f"job/status/{identifier}", f"job/files/{identifier}"):
        assert (await door.get(f"/vector/{path}")).status in (400, 404)
