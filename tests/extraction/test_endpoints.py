"""/document/extraction as clients see it."""

import uuid
from datetime import datetime

import pytest
from django.test import Client

from apps.extraction import services
from tests.extraction.door import BASE


def work_on(door, job: str) -> None:
    for file in services.job_files(door.caller, job).items:
        services.extract_document(door.caller.application, job, file.name)


def refusal(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def test_a_document_goes_from_registration_to_result(door):
    created = door.get("/create_job").json()
    job = created["extraction_job_id"]
    assert created == {"extraction_job_id": job, "status": "CREATED"} and uuid.UUID(job).version == 4
    asked = door.post("/register_file", extraction_job_id=job, file_name="a.txt").json()
    assert asked.keys() == {"extraction_job_id", "file_name", "file_id", "upload_url"}
    assert (asked["extraction_job_id"], asked["file_name"], len(asked["file_id"])) == (job, "a.txt", 32)
    assert door.put(asked["upload_url"], b"first") == 200
    assert door.put(asked["upload_url"], b"hello") == 200
    pending = {"status": "PENDING", "result_url": None, "extraction_job_id": job}
    assert door.post("/file_status", extraction_job_id=job, file_name="a.txt").json() == pending
    started = {"extraction_job_id": job, "total_files": 1, "status": "STARTED"}
    assert door.post("/start_job", extraction_job_id=job).json() == started
    assert door.put(asked["upload_url"], b"too late") == 403
    assert door.get(f"/job_files/{job}").json() == [{"job_id": job, "file_name": "a.txt", "status": "QUEUED"}]
    work_on(door, job)
    state = {"job_id": job, "completed_file_count": 1, "total_file_count": 1, "failed_file_count": 0, "status": "COMPLETED"}
    assert door.get(f"/job_status/{job}").json() == state
    done = door.post("/file_status", extraction_job_id=job, file_name="a.txt").json()
    assert done.keys() == {"status", "result_url", "extraction_job_id"} and done["status"] == "COMPLETED"
    result = {"job_id": job, "file_name": "a.txt", "pages": [{"page_number": 1, "page_text": "hello"}]}
    assert door.download(done["result_url"]) == result
    (listed,) = door.get(f"/job_results/{job}").json()["files"]
    assert listed.keys() == {"file_name", "extracted_text_url", "extracted_tables_url"}
    assert door.download(listed["extracted_text_url"]) == result
    assert door.download(listed["extracted_tables_url"])["pages"] == [{"page_number": 1, "tables": []}]


def test_a_failed_file_says_why_and_a_failed_job_has_no_results(door):
    job = door.new_job()
    door.upload(job, "bad.txt", b"\xff")
    door.post("/start_job", extraction_job_id=job)
    work_on(door, job)
    reason = "The file is not UTF-8 text (byte 0 is not). Save it as UTF-8 and upload it again."
    state = door.post("/file_status", extraction_job_id=job, file_name="bad.txt").json()
    assert state == {"status": "FAILED", "result_url": None, "extraction_job_id": job, "reason": reason}
    failed = {"job_id": job, "file_name": "bad.txt", "status": "FAILED", "reason": reason}
    assert door.get(f"/job_files/{job}").json() == [failed]
    assert door.get(f"/job_results/{job}").json() == {"files": []}


def test_jobs_are_listed_newest_first_with_a_cursor_in_a_header(door):
    assert door.get("/list_jobs").json() == []
    jobs = [door.new_job() for _ in range(3)]
    first = door.get("/list_jobs?limit=2")
    rest = door.get(f"/list_jobs?limit=2&cursor={first.headers['X-Next-Cursor']}")
    assert [job["job_id"] for job in first.json() + rest.json()] == jobs[::-1]
    assert "X-Next-Cursor" not in rest.headers
    listed = first.json()[0]
    assert datetime.fromisoformat(listed.pop("updated_at")).tzinfo is None
    counts = {"completed_file_count": 0, "total_file_count": 0, "failed_file_count": 0, "queued_files": 0}
    assert listed == {"job_id": jobs[2], "status": "CREATED", **counts}


def test_results_are_there_only_after_the_end(door):
    job = door.new_job()
    door.upload(job, "b.txt", b"b")
    assert refusal(door.get(f"/job_results/{job}")) == (400, "Job is not completed yet")
    door.upload(job, "a.txt", b"a")
    door.post("/start_job", extraction_job_id=job)
    assert refusal(door.get(f"/job_results/{job}")) == (400, "Job is not completed yet")
    assert [job["queued_files"] for job in door.get("/list_jobs").json()] == [2]
    work_on(door, job)
    names = [file["file_name"] for file in door.get(f"/job_results/{job}").json()["files"]]
    assert names == ["a.txt", "b.txt"]
    assert [job["queued_files"] for job in door.get("/list_jobs").json()] == [0]


def test_registering_is_refused_in_the_order_of_the_contract(door):
    job = door.new_job()

    def register(name: str, of: str = job) -> tuple[int, str]:
        return refusal(door.post("/register_file", extraction_job_id=of, file_name=name))

    assert register("", "unknown") == (404, "Extraction job not found")
    assert register("") == (400, "Invalid file name")
    assert register("a b")[1].startswith("Invalid file type.")
    assert register("a b.docx")[1].startswith("Invalid file type.")
    assert register("a b.pdf")[1].startswith("Invalid file name. Following characters")
    door.upload(job, "a.TXT", b"a")
    assert register("a.TXT") == (400, "A file with the same name is already registered for this job")
    door.post("/start_job", extraction_job_id=job)
    assert register("") == (400, "Job is already started or completed. Please create a new job.")
    already = (400, "Job is either already started or completed. Please create a new job.")
    assert refusal(door.post("/start_job", extraction_job_id=job)) == already


@pytest.mark.parametrize("name", ["pdf", "ü.md", "it's(1)*!`.html", "a.b.JSONL", "x.jpeg", "y.tiff"])
def test_names_that_the_original_takes_are_taken(door, name):
    assert door.post("/register_file", extraction_job_id=door.new_job(), file_name=name).status_code == 200


def test_what_is_missing_is_named_without_keys_of_the_store(door):
    job = door.new_job()
    assert refusal(door.post("/start_job", extraction_job_id=job))[1].startswith("No files registered for the job.")
    door.post("/register_file", extraction_job_id=job, file_name="b.txt")
    door.post("/register_file", extraction_job_id=job, file_name="a.txt")
    assert refusal(door.post("/start_job", extraction_job_id=job)) == (400, "Files not uploaded: a.txt, b.txt")
    missing = door.post("/file_status", extraction_job_id=job, file_name="c.txt")
    assert refusal(missing) == (404, "File not found")


def asked(door, job: str) -> list[tuple[int, bytes]]:
    """What every endpoint answers about a job, with the id taken out."""
    answers = [
        door.post("/register_file", extraction_job_id=job, file_name="a.txt"),
        door.post("/start_job", extraction_job_id=job),
        door.post("/file_status", extraction_job_id=job, file_name="a.txt"),
        door.get(f"/job_status/{job}"),
        door.get(f"/job_files/{job}"),
        door.get(f"/job_results/{job}"),
    ]
    return [(answer.status_code, answer.content.replace(job.encode(), b"")) for answer in answers]


def test_another_applications_job_is_answered_as_one_that_never_existed(door, other):
    job = door.new_job()
    door.upload(job, "a.txt", b"a")
    assert asked(other, job) == asked(other, str(uuid.uuid4()))
    assert {status for status, _ in asked(other, job)} == {404}
    assert b"Job ID not found" in asked(other, job)[-1][1]
    assert door.get(f"/job_status/{job}").json()["status"] == "CREATED"


@pytest.mark.parametrize("path", ["/create_job", "/list_jobs", "/job_status/x", "/job_files/x", "/job_results/x"])
def test_reading_needs_a_token(published_keys, path):
    assert Client().get(BASE + path).status_code == 401


@pytest.mark.parametrize("path", ["/register_file", "/start_job", "/file_status"])
def test_a_missing_token_wins_over_a_body_that_is_wrong(published_keys, door, path):
    assert Client().generic("POST", BASE + path, "{}", content_type="").status_code == 401
    assert door.post(path).status_code == 422
    assert door.post(path, extraction_job_id=1, file_name=2).status_code == 422
