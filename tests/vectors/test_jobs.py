"""Vectorize jobs: from a chunking job's files to vectors in an index."""

from dataclasses import replace

import pytest

from apps.chunking import services as chunkings
from apps.vectors import services, work
from apps.vectors.adapters import backend
from apps.vectors.records import FileStatus, VectorIndex
from apps.vectors.services import JobStatus
from foundation.adapters import directory, files
from foundation.ambient import new_id
from foundation.errors import NotFound, NotReady
from foundation.identity import Caller
from tests.chunking import documents
from tests.vectors.indexes import begun, chunked, chunked_pages, finished, found, new_index

NOWHERE = "00000000-0000-4000-8000-000000000000"


def vectors_in(index: VectorIndex) -> int:
    return backend().count(services.shelf_of(index))


def test_a_job_goes_from_started_over_in_progress_to_completed(caller: Caller) -> None:
    chunking, index = chunked(caller, {"a.txt": "Cats sleep.", "b.txt": "Dogs run."}), new_index(caller)
    job = begun(caller, chunking, index)
    assert (job.status, job.total, job.completed, job.failed) == (JobStatus.STARTED, 2, 0, 0)
    work.vectorize(caller.application, job.job, "a.txt")
    assert services.job(caller, job.job).status is JobStatus.IN_PROGRESS
    work.vectorize(caller.application, job.job, "b.txt")
    done = services.job(caller, job.job)
    assert (done.status, done.total, done.completed, done.failed) == (JobStatus.COMPLETED, 2, 2, 0)
    assert done.updated > job.created
    assert vectors_in(index) == 2


def test_an_untouched_job_cannot_end_before_its_files_are_handed_out(caller: Caller) -> None:
    job = services.vectorize(caller, chunked(caller, {"a.txt": "Cats."}), new_index(caller).index)
    assert (job.status, job.total, job.queued) == (JobStatus.STARTED, 1, 1)


def test_a_file_of_more_than_five_hundred_chunks_is_whole_in_the_index(caller: Caller) -> None:
    index = new_index(caller)
    job = finished(caller, chunked(caller, {"many.jsonl": "\n".join(f'{{"n": {n}}}' for n in range(1, 703))}), index)
    assert job.status is JobStatus.COMPLETED
    assert vectors_in(index) == 702


def test_blank_chunks_are_passed_over_and_the_others_keep_their_numbers(caller: Caller) -> None:
    index = new_index(caller)
    job = finished(caller, chunked_pages(caller, "a.txt", ["First page.", "", " \n ", "Fourth page."]), index)
    assert job.status is JobStatus.COMPLETED
    hits = services.search(caller, index.index, "page", limit=10)
    assert {(hit.row.page, hit.row.number, hit.row.text) for hit in hits} == {(1, 1, "First page."), (4, 4, "Fourth page.")}


def test_a_file_without_chunks_completes_without_vectors(caller: Caller) -> None:
    index = new_index(caller)
    job = finished(caller, chunked(caller, {"empty.json": "{}"}), index)
    assert job.status is JobStatus.COMPLETED
    assert vectors_in(index) == 0


def test_vectorizing_the_same_chunks_again_puts_no_vector_twice(caller: Caller) -> None:
    index = new_index(caller)
    chunking = chunked(caller, {"a.txt": "Cats sleep.", "b.txt": "Cats sleep."})
    for _ in range(2):
        assert finished(caller, chunking, index).status is JobStatus.COMPLETED
    assert vectors_in(index) == 2
    assert found(caller, index, "cats") == ["Cats sleep.", "Cats sleep."]


def test_a_file_whose_chunks_are_gone_is_failed_with_a_reason_and_the_job_ends(caller: Caller) -> None:
    chunking, index = chunked(caller, {"a.txt": "Cats sleep.", "b.txt": "Dogs run."}), new_index(caller)
    lost = next(file for file in chunkings.completed_files(caller, chunking) if file.name == "b.txt")
    files.delete(lost.chunks)
    job = finished(caller, chunking, index)
    assert (job.status, job.completed, job.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 1, 1)
    reasons = {file.name: (file.status, file.reason) for file in services.job_files(caller, job.job).items}
    assert reasons["a.txt"] == (FileStatus.COMPLETED, None)
    assert reasons["b.txt"][0] is FileStatus.FAILED
    assert "Chunk the file again" in str(reasons["b.txt"][1])


def test_a_job_whose_every_file_fails_is_failed(caller: Caller) -> None:
    chunking, index = chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller)
    job = begun(caller, chunking, index)
    services.delete_index(caller, index.index)
    work.vectorize(caller.application, job.job, "a.txt")
    assert services.job(caller, job.job).status is JobStatus.FAILED


def test_a_job_of_a_deactivated_application_stops(caller: Caller) -> None:
    client = directory.create(caller.application, "soon inactive").client
    caller = replace(caller, client=client)
    chunking, index = chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller)
    job = begun(caller, chunking, index)
    directory.set_active(client, False)
    work.vectorize(caller.application, job.job, "a.txt")
    assert services.job(caller, job.job).status is JobStatus.FAILED
    assert vectors_in(index) == 0


def test_only_completed_files_of_a_chunking_job_with_errors_are_counted(caller: Caller) -> None:
    extraction = documents.extracted(caller, {"good.txt": b"Cats sleep.", "bad.json": b"not json"})
    chunking = documents.finished(caller, extraction)
    assert chunking.status is chunkings.JobStatus.COMPLETED_WITH_ERRORS
    job = finished(caller, chunking.job, new_index(caller))
    assert (job.status, job.total, job.completed) == (JobStatus.COMPLETED, 1, 1)


def test_the_first_thing_that_is_missing_is_what_is_said(caller: Caller, stranger: Caller) -> None:
    index, chunking = new_index(caller), chunked(caller, {"a.txt": "Cats sleep."})
    foreign_index, foreign_chunking = new_index(stranger), chunked(stranger, {"a.txt": "Dogs run."})
    running = documents.begun(caller, documents.extracted(caller, {"a.txt": b"Cats."})).job
    failed = documents.extracted(caller, {"bad.json": b"not json"})
    for asked_chunking, asked_index, kind, text in (
        (NOWHERE, NOWHERE, NotFound, "Chunk job not found"),
        (foreign_chunking, index.index, NotFound, "Chunk job not found"),
        (chunking, NOWHERE, NotFound, "Index not found"),
        (chunking, foreign_index.index, NotFound, "Index not found"),
        (running, NOWHERE, NotFound, "Index not found"),
        (running, index.index, NotReady, "Chunk job is not completed"),
        (documents.finished(caller, failed).job, index.index, NotReady, "Chunk job is not completed"),
    ):
        with pytest.raises(kind) as refused:
            services.vectorize(caller, asked_chunking, asked_index)
        assert refused.value.detail == text
    assert services.jobs(caller.application).items == ()


def test_nothing_begins_for_an_index_whose_store_is_gone(caller: Caller) -> None:
    index = new_index(caller)
    chunking = chunked(caller, {"a.txt": "Cats."})
    services.delete_store(caller, index.store)
    with pytest.raises(NotFound, match="Index not found"):
        services.vectorize(caller, chunking, index.index)
    assert services.jobs(caller.application).items == ()


def test_a_job_of_another_application_is_as_absent_as_none(caller: Caller, stranger: Caller) -> None:
    job = begun(caller, chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller))
    for ask in (services.job, services.job_files):
        for identifier in (job.job, NOWHERE):
            with pytest.raises(NotFound, match="Vectorize job not found"):
                ask(stranger, identifier)


def test_jobs_are_listed_newest_first_and_between_moments(caller: Caller) -> None:
    chunking, index = chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller)
    made = [services.vectorize(caller, chunking, index.index) for _ in range(3)]
    assert [job.job for job in services.jobs(caller.application).items] == [job.job for job in reversed(made)]
    some = services.jobs(caller.application, between=(made[0].created, made[1].created)).items
    assert [job.job for job in some] == [made[1].job, made[0].job]


def test_a_message_for_a_job_or_file_that_does_not_exist_is_refused(caller: Caller) -> None:
    work.begin(caller.application, new_id())
    with pytest.raises(NotFound):
        work.vectorize(caller.application, new_id(), "a.txt")
    work.abandon(caller.application, new_id(), "a.txt", "no reason")
    work.abandon_begin(caller.application, new_id(), "no reason")
