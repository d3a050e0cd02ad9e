"""/document/chunking as clients see it."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
import requests
from django.test import Client

from apps.chunking.cuts import Sizes
from foundation.adapters import directory
from foundation.identity import Caller
from foundation.ports import Credentials
from tests.chunking.documents import begun, extracted, finished
from tests.forging import good_token, new_client
from tests.serving import serving

BASE = "/document/chunking"


class Door:
    """One application at the door of this process's own Django."""

    def __init__(self, credentials: Credentials, application: str) -> None:
        self.caller = Caller(application, credentials.client)
        self.http = Client(headers={"authorization": f"Bearer {good_token(credentials)}"})

    def post(self, path, body, **headers):
        content = body if isinstance(body, str) else json.dumps(body)
        return self.http.generic("POST", BASE + path, content, content_type="", **headers)

    def get(self, path):
        return self.http.get(BASE + path, follow=True)


def opened() -> Door:
    credentials = new_client("chunking")
    found = directory.find(credentials.client)
    assert found is not None
    return Door(credentials, found.application)


@pytest.fixture(scope="module", autouse=True)
def published_keys() -> Iterator[None]:
    with serving():
        yield


@pytest.fixture
def door() -> Door:
    return opened()


@pytest.fixture
def other() -> Door:
    return opened()


def wanted(extraction, **more):
    return {"extraction_job_id": extraction, "chunking_strategy": "recursive", **more}


def test_create_job_answers_as_the_contract_says(door):
    extraction = extracted(door.caller, {"a.txt": b"a", "b.txt": b"b"})
    answer = door.post("/create_job", wanted(extraction, unknown="ignored"))
    assert answer.status_code == 200, answer.content
    made = answer.json()
    assert made == {
        "chunking_job_id": made["chunking_job_id"],
        "extraction_job_id": extraction,
        "status": "WAITING_QUEUE_ALLOCATION",
        "total_file_count": 2,
    }
    again = door.post("/create_job", wanted(extraction))
    assert again.status_code == 400
    assert again.json()["detail"] == "A chunking job with status 'WAITING_QUEUE_ALLOCATION' already exists"


@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        (None, None),
        ({}, {"chunk_size": 1000, "chunk_overlap": 0}),
        ({"chunk_size": 500}, {"chunk_size": 500, "chunk_overlap": 0}),
        ({"chunk_size": None, "chunk_overlap": "50"}, {"chunk_size": 1000, "chunk_overlap": 50}),
    ],
)
def test_a_size_that_is_missing_or_null_is_the_usual_one(door, params, sizes):
    door.post("/create_job", wanted(extracted(door.caller, {"a.txt": b"a"}), chunking_params=params))
    (listed,) = door.get("/list_jobs").json()
    assert listed["chunking_params"] == ("" if sizes is None else json.dumps(sizes))


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"chunk_size": 500, "chunk_overlap": 600}, "chunk_overlap (600) must be smaller than chunk_size (500)"),
        ({"chunk_overlap": 1000}, "chunk_overlap (1000) must be smaller than chunk_size (1000)"),
        ({"chunk_size": 0}, "chunk_size (0) must be at least 1"),
        ({"chunk_size": -(2**62)}, f"chunk_size ({-(2**62)}) must be at least 1"),
        ({"chunk_overlap": -1}, "chunk_overlap (-1) must not be negative"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_by_name(door, params, detail):
    answer = door.post("/create_job", wanted("whatever", chunking_params=params))
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{", ["body"]),
        ("[]", ["body"]),
        ("{}", ["body", "extraction_job_id"]),
        (wanted(7), ["body", "extraction_job_id"]),
        (wanted("x", chunking_strategy="semantic"), ["body", "chunking_strategy"]),
        (wanted("x", chunking_strategy=["page"]), ["body", "chunking_strategy"]),
        (wanted("x", chunking_params=[]), ["body", "chunking_params"]),
        (wanted("x", chunking_params={"chunk_size": True}), ["body", "chunking_params", "chunk_size"]),
        (wanted("x", chunking_params={"chunk_size": 2**63}), ["body", "chunking_params", "chunk_size"]),
        (wanted("x", chunking_params={"chunk_size": "many"}), ["body", "chunking_params", "chunk_size"]),
        ('{"extraction_job_id":"x","chunking_strategy":"page","chunking_params":{"chunk_size":NaN}}', ["body"]),
        ('{"extraction_job_id":"x","chunking_strategy":"page","chunking_params":{"chunk_size":1e400}}', ["body"]),
        ("[" * 100_000, ["body"]),
    ],
)
def test_a_body_without_its_form_is_refused_with_the_field_named(door, body, field):
    answer = door.post("/create_job", body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["issues"][0]["loc"][: len(field)] == field
    assert answer.json()["instance"] == f"{BASE}/create_job"


def test_an_extraction_that_is_not_finished_or_not_there_is_refused(door, other):
    failed = extracted(door.caller, {"bad.txt": b"\xff"})
    answer = door.post("/create_job", wanted(failed))
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Extraction job is not in COMPLETED or COMPLETED_WITH_ERRORS state"
    foreign, missing = other.post("/create_job", wanted(failed)), other.post("/create_job", wanted("never-made"))
    assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)
    assert (missing.status_code, missing.json()["detail"]) == (404, "Extraction job not found")


def test_status_files_and_url_answer_as_the_contract_says(door):
    job = finished(door.caller, extracted(door.caller, {"bad.json": b"{", "good.txt": "grüße".encode()}))
    assert door.get(f"/job_status/{job.job}").json() == {
        "chunking_job_id": job.job,
        "status": "COMPLETED_WITH_ERRORS",
        "total_file_count": 2,
        "completed_files": 1,
        "failed_files": 1,
    }
    listed = door.get(f"/job_files/{job.job}").json()
    bad, good = listed["files"]
    assert listed["chunking_job_id"] == job.job
    assert set(good) == {"file_name", "status", "timestamp"}
    assert (good["file_name"], good["status"]) == ("good.txt", "COMPLETED")
    assert datetime.fromisoformat(good["timestamp"]).tzinfo is None
    assert bad["status"] == "FAILED"
    assert "not valid JSON" in bad["reason"]
    located = door.post("/chunk_file_url", {"chunking_job_id": job.job, "file_name": "good.txt"}).json()
    assert set(located) == {"file_name", "chunk_file_url", "chunking_job_id"}
    fetched = requests.get(located["chunk_file_url"], timeout=30)
    assert fetched.status_code == 200
    assert fetched.json() == [{"chunk": "grüße", "page_number": 1, "start": 0, "end": 5}]


def test_the_files_of_a_job_come_in_pages(door):
    job = begun(door.caller, extracted(door.caller, {f"{number}.txt": b"x" for number in range(3)}))
    first = door.get(f"/job_files/{job.job}?limit=2")
    rest = door.get(f"/job_files/{job.job}?limit=2&cursor={first.headers['X-Next-Cursor']}")
    names = [file["file_name"] for answer in (first, rest) for file in answer.json()["files"]]
    assert names == ["0.txt", "1.txt", "2.txt"]
    assert "X-Next-Cursor" not in rest.headers


def test_list_jobs_answers_as_the_contract_says(door, other):
    job = finished(door.caller, extracted(door.caller, {"a.txt": b"a"}), "fixed_size", Sizes(400, 100))
    (listed,) = door.get("/list_jobs").json()
    assert listed == {
        "chunking_job_id": job.job,
        "extraction_job_id": job.extraction,
        "status": "COMPLETED",
        "chunking_strategy": "fixed_size",
        "chunking_params": '{"chunk_size": 400, "chunk_overlap": 100}',
        "total_file_count": 1,
        "queued_files": 0,
        "completed_files": 1,
        "failed_files": 0,
        "updated_at": job.updated.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    }
    assert other.get("/list_jobs").json() == []


def test_another_application_s_job_is_answered_as_one_that_never_was(door, other):
    job = finished(door.caller, extracted(door.caller, {"a.txt": b"a"})).job
    for ask in (
        lambda identifier: other.get(f"/job_status/{identifier}"),
        lambda identifier: other.get(f"/job_files/{identifier}"),
        lambda identifier: other.post("/chunk_file_url", {"chunking_job_id": identifier, "file_name": "a.txt"}),
    ):
        foreign, missing = ask(job), ask("00000000-0000-4000-8000-000000000000")
        assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)
        assert (missing.status_code, missing.json()["detail"]) == (404, "Chunking job not found")


@pytest.mark.parametrize("name", ["../one.txt", "..%2Fone.txt", "a\x00.txt", "\u202etxt.a", "CON", "x" * 1000, "", "\ud800"])
def test_no_name_reaches_anything_but_a_file_of_the_job(door, name):
    job = finished(door.caller, extracted(door.caller, {"one.txt": b"a"})).job
    assert door.post("/chunk_file_url", {"chunking_job_id": job, "file_name": name}).status_code in (400, 404, 422)
    assert door.post("/chunk_file_url", {"chunking_job_id": name, "file_name": "one.txt"}).status_code in (400, 404, 422)


@pytest.mark.parametrize("identifier", ["..", "%2e%2e%2f", "%00", "x" * 1000, "%E2%80%AE", "a%1fb"])
def test_no_id_reaches_anything_but_a_job_of_the_caller(door, identifier):
    for path in ("/job_status/", "/job_files/"):
        assert door.get(path + identifier).status_code in (400, 404)


def test_every_endpoint_needs_a_token():
    client = Client()
    answers = [
        client.get(f"{BASE}/job_status/x"),
        client.get(f"{BASE}/job_files/x"),
        client.get(f"{BASE}/list_jobs"),
        client.post(f"{BASE}/create_job", {}, content_type="application/json"),
        client.post(f"{BASE}/chunk_file_url", {}, content_type="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 5
