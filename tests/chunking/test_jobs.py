"""Chunking jobs from their creation to their end, through the services and the messages' functions."""

import json

import pytest

from apps.chunking import services, tasks, work
from apps.chunking.cuts import Sizes, Strategy
from apps.chunking.records import ChunkingJob, FileStatus, JobStatus
from apps.extraction import services as extractions
from foundation.adapters import directory, files, records
from foundation.errors import Invalid, NotFound, NotReady
from foundation.identity import Caller
from tests.chunking.documents import begun, extracted, extracted_pages, finished, texts, uploaded

TWO = {"one.txt": b"first\n\nsecond", "two.txt": b"third"}


def rows(job):
    return {file.name: file for file in work.files_of(job)}


def test_a_job_completes_when_its_last_file_is_cut(caller):
    target = begun(caller, extracted(caller, TWO))
    assert (target.status, target.total, target.queued) == (JobStatus.QUEUED, 2, 2)
    work.chunk(caller.application, target.job, "one.txt")
    halfway = services.job(caller, target.job)
    assert (halfway.status, halfway.completed, halfway.queued) == (JobStatus.IN_PROGRESS, 1, 1)
    work.chunk(caller.application, target.job, "two.txt")
    done = services.job(caller, target.job)
    assert (done.status, done.completed, done.failed, done.queued) == (JobStatus.COMPLETED, 2, 0, 0)


def test_only_files_that_were_extracted_are_chunked(caller):
    job = finished(caller, extracted(caller, {**TWO, "bad.txt": b"\xff"}))
    assert (job.total, job.status) == (2, JobStatus.COMPLETED)
    assert list(rows(job)) == ["one.txt", "two.txt"]


def test_a_job_waits_until_a_worker_begins_it_and_keeps_another_from_being_made(caller):
    extraction = extracted(caller, TWO)
    first = services.create_job(caller, extraction, Strategy.PAGE)
    assert (first.status, first.total) == (JobStatus.WAITING, 2)
    with pytest.raises(Invalid, match="A chunking job with status 'WAITING_QUEUE_ALLOCATION' already exists"):
        services.create_job(caller, extraction, Strategy.PAGE)
    services.create_job(caller, extracted(caller, TWO), Strategy.PAGE)
    work.begin(caller.application, first.job)
    assert services.create_job(caller, extraction, Strategy.PAGE).job != first.job


def test_an_extraction_that_runs_or_failed_cannot_be_chunked(caller):
    running, failed = uploaded(caller, TWO), extracted(caller, {"bad.txt": b"\xff"})
    for extraction in (running, failed):
        with pytest.raises(NotReady, match="Extraction job is not in COMPLETED or COMPLETED_WITH_ERRORS state"):
            services.create_job(caller, extraction, Strategy.RECURSIVE)


def test_ids_of_another_application_are_not_there(caller, stranger):
    job = finished(caller, extracted(caller, TWO))
    for identifier in (job.job, "never-made", "x" * 5000, ""):
        for ask in (services.job, services.job_files, services.completed_files):
            with pytest.raises(NotFound, match=r"^Chunking job not found$"):
                ask(stranger, identifier)
        with pytest.raises(NotFound, match=r"^Chunking job not found$"):
            services.chunk_file_url(stranger, identifier, "one.txt")
        with pytest.raises(NotFound, match=r"^Chunking job not found$"):
            services.chunks(stranger.application, identifier, "one.txt")
    with pytest.raises(NotFound, match=r"^Extraction job not found$"):
        services.create_job(stranger, job.extraction, Strategy.PAGE)
    assert services.jobs(stranger.application).items == ()


def test_the_same_file_name_in_two_applications_is_two_files(caller, stranger):
    mine = finished(caller, extracted(caller, {"a.txt": b"mine"}))
    theirs = finished(stranger, extracted(stranger, {"a.txt": b"theirs"}))
    assert texts(caller, mine.job, "a.txt") == ["mine"]
    assert texts(stranger, theirs.job, "a.txt") == ["theirs"]


def test_a_chunk_says_which_page_and_place_it_comes_from(caller):
    pages = ["alpha beta\n\ngamma", "", "  delta"]
    job = finished(caller, extracted_pages(caller, "a.txt", pages), sizes=Sizes(10))
    found = services.chunks(caller.application, job.job, "a.txt")
    assert [(chunk.text, chunk.page_number) for chunk in found] == [("alpha beta", 1), ("gamma", 1), ("delta", 3)]
    assert all(pages[chunk.page_number - 1][chunk.start : chunk.end] == chunk.text for chunk in found)


def test_the_page_strategy_makes_a_chunk_of_every_page_also_of_a_blank_one(caller):
    job = finished(caller, extracted_pages(caller, "a.txt", ["one", "", " two "]), "page", Sizes(1))
    assert texts(caller, job.job, "a.txt") == ["one", "", " two "]


def test_json_is_cut_by_its_keys_whatever_the_strategy_and_the_case_of_its_name(caller):
    content = json.dumps({"a": "x" * 200, "b": {"c": "y" * 200}}).encode()
    job = finished(caller, extracted(caller, {"a.JSON": content, "b.jsonl": b'{"a":1}\n\n{"b":2}\n'}), "page")
    assert [list(json.loads(text)) for text in texts(caller, job.job, "a.JSON")] == [["a"], ["b"]]
    assert texts(caller, job.job, "b.jsonl") == ['{"a":1}', '{"b":2}']


def test_a_file_that_cannot_be_cut_fails_with_its_reason_and_the_job_ends(caller):
    job = finished(caller, extracted(caller, {"bad.json": b"{", "deep.json": b"[" * 5000, "good.txt": b"good"}))
    assert (job.status, job.completed, job.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 1, 2)
    failed = rows(job)["bad.json"]
    assert failed.status is FileStatus.FAILED
    assert "not valid JSON" in str(failed.reason)
    assert files.find(failed.chunks) is None
    assert [file.name for file in services.completed_files(caller, job.job)] == ["good.txt"]
    with pytest.raises(NotReady, match=r"bad\.json has no chunks: The file is not valid JSON"):
        services.chunk_file_url(caller, job.job, "bad.json")


def test_a_file_whose_extracted_text_is_gone_fails_without_naming_where_it_was_kept(caller):
    extraction = extracted(caller, TWO)
    (first, _) = extractions.completed_files(caller, extraction)
    files.delete(first.text)
    job = finished(caller, extraction)
    assert job.status is JobStatus.COMPLETED_WITH_ERRORS
    assert rows(job)["one.txt"].reason == "The file's extracted text is not there any more. Extract the file again."


def test_a_job_without_any_good_file_fails(caller):
    assert finished(caller, extracted(caller, {"bad.json": b"nonsense"})).status is JobStatus.FAILED


def test_chunks_that_would_take_far_more_than_their_text_are_refused(caller):
    job = finished(caller, extracted(caller, {"a.txt": b"x" * 90_000}), sizes=Sizes(10_000, 9_999))
    failed = rows(job)["a.txt"]
    assert failed.status is FileStatus.FAILED
    assert "a smaller chunk_overlap" in str(failed.reason)
    assert files.find(failed.chunks) is None


def test_a_json_whose_long_keys_would_be_repeated_without_end_is_refused(caller):
    value = {f"member {number}": "x" * 300 for number in range(2_000)}
    for level in range(90):
        value = {f"{level}" * 500: value}
    job = finished(caller, extracted(caller, {"a.json": json.dumps(value).encode()}))
    assert "far more than its text" in str(rows(job)["a.json"].reason)


def test_results_are_there_only_for_completed_files(caller):
    extraction = extracted(caller, TWO)
    created = services.create_job(caller, extraction, Strategy.PAGE)
    with pytest.raises(NotReady, match="Job is not completed yet"):
        services.chunk_file_url(caller, created.job, "one.txt")
    work.begin(caller.application, created.job)
    with pytest.raises(NotReady, match="Job is not completed yet"):
        services.chunk_file_url(caller, created.job, "one.txt")
    work.chunk(caller.application, created.job, "one.txt")
    assert services.chunk_file_url(caller, created.job, "one.txt").url.startswith("http")
    with pytest.raises(NotFound, match="Results not found"):
        services.chunk_file_url(caller, created.job, "three.txt")


def test_an_abandoned_file_fails_and_its_redriven_message_completes_it(caller):
    target = begun(caller, extracted(caller, TWO))
    ids = {"application": caller.application, "job": target.job, "file": "one.txt"}
    for _ in range(2):
        tasks.abandon_file(reason="it did not answer", **ids)
    work.chunk(caller.application, target.job, "two.txt")
    failed = services.job(caller, target.job)
    assert (failed.status, failed.completed, failed.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 1, 1)
    assert rows(target)["one.txt"].reason == "The file could not be processed: it did not answer"
    for _ in range(2):
        tasks.chunk_file(**ids)
    tasks.abandon_file(reason="too late", **ids)
    mended = services.job(caller, target.job)
    assert (mended.status, mended.completed, mended.failed) == (JobStatus.COMPLETED, 2, 0)
    assert rows(target)["one.txt"].reason is None


def test_an_abandoned_job_fails_with_its_reason_and_its_redriven_message_begins_it(caller):
    created = services.create_job(caller, extracted(caller, TWO), Strategy.PAGE)
    tasks.abandon_job(reason="it did not answer", application=caller.application, job=created.job)
    failed = services.job(caller, created.job)
    assert (failed.status, failed.queued) == (JobStatus.FAILED, 0)
    assert failed.reason == "The files could not be handed out: it did not answer"
    tasks.begin_chunking(application=caller.application, job=created.job)
    assert services.job(caller, created.job).status is JobStatus.QUEUED


def test_a_message_for_what_does_not_exist_is_refused_for_good(caller):
    job = finished(caller, extracted(caller, TWO))
    for task, ids in (
        (tasks.chunk_file, {"job": "never-made", "file": "one.txt"}),
        (tasks.chunk_file, {"job": job.job, "file": "never-there.txt"}),
    ):
        with pytest.raises(NotFound) as refused:
            task(application=caller.application, **ids)
        assert not refused.value.retryable
    tasks.abandon_file(reason="gone", application=caller.application, job="never-made", file="one.txt")
    tasks.begin_chunking(application=caller.application, job="never-made")  # its maker may have died before it made it
    tasks.abandon_job(reason="gone", application=caller.application, job="never-made")


def test_the_running_jobs_of_a_deactivated_application_stop(caller):
    client = directory.create(caller.application, "to be deactivated").client
    active = Caller(caller.application, client)
    target = begun(active, extracted(active, TWO))
    work.chunk(caller.application, target.job, "one.txt")
    directory.set_active(client, False)
    work.chunk(caller.application, target.job, "two.txt")
    assert services.job(active, target.job).status is JobStatus.COMPLETED_WITH_ERRORS
    assert "deactivated" in str(rows(target)["two.txt"].reason)


def test_jobs_are_listed_newest_first_in_pages_and_between_dates(caller):
    extraction = extracted(caller, TWO)
    made = [begun(caller, extraction).job for _ in range(3)]
    first = services.jobs(caller.application, limit=2)
    rest = services.jobs(caller.application, limit=2, cursor=first.cursor)
    assert [job.job for job in (*first.items, *rest.items)] == made[::-1]
    middle = services.job(caller, made[1]).created
    assert [job.job for job in services.jobs(caller.application, between=(middle, middle)).items] == [made[1]]


def test_a_job_changed_last_when_its_last_file_did(caller):
    job = finished(caller, extracted(caller, TWO))
    assert job.updated >= max(file.updated for file in work.files_of(job)) > job.created
    assert records.get(ChunkingJob, caller.application, job.job) == job
