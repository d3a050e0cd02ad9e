"""The same message comes twice, or to two workers at once: one result."""

from concurrent.futures import ThreadPoolExecutor

from apps.vectors import services, work
from apps.vectors.adapters import backend
from apps.vectors.records import FileStatus
from apps.vectors.services import JobStatus
from foundation.identity import Caller
from tests.vectors.indexes import begun, chunked, new_index


def test_the_same_message_to_four_workers_at_once_gives_one_result(caller: Caller) -> None:
    index = new_index(caller)
    job = begun(caller, chunked(caller, {"a.jsonl": "\n".join(f'{{"n": {n}}}' for n in range(50)), "b.txt": "Cats."}), index)
    with ThreadPoolExecutor(4) as workers:
        done = [workers.submit(work.vectorize, caller.application, job.job, "a.jsonl") for _ in range(4)]
    assert [each.result() for each in done] == [None] * 4
    ended = services.job(caller, job.job)
    assert (ended.status, ended.completed, ended.failed) == (JobStatus.IN_PROGRESS, 1, 0)
    assert backend().count(services.shelf_of(index)) == 50


def test_a_file_that_was_given_up_on_is_counted_once_and_moves_when_it_is_redriven(caller: Caller) -> None:
    index = new_index(caller)
    job = begun(caller, chunked(caller, {"a.txt": "Cats.", "b.txt": "Dogs."}), index)
    for _ in range(2):
        work.abandon(caller.application, job.job, "a.txt", "the store did not answer")
    failed = services.job(caller, job.job)
    assert (failed.completed, failed.failed) == (0, 1)
    (file, _) = services.job_files(caller, job.job).items
    assert (file.status, file.reason) == (FileStatus.FAILED, "The file could not be processed: the store did not answer")
    for _ in range(2):
        work.vectorize(caller.application, job.job, "a.txt")
        work.vectorize(caller.application, job.job, "b.txt")
    ended = services.job(caller, job.job)
    assert (ended.status, ended.completed, ended.failed) == (JobStatus.COMPLETED, 2, 0)


def test_an_abandonment_that_comes_late_changes_nothing(caller: Caller) -> None:
    index = new_index(caller)
    job = begun(caller, chunked(caller, {"a.txt": "Cats."}), index)
    work.vectorize(caller.application, job.job, "a.txt")
    work.abandon(caller.application, job.job, "a.txt", "too late")
    assert services.job(caller, job.job).status is JobStatus.COMPLETED


def test_handing_out_that_was_given_up_on_fails_the_job_until_it_is_redriven(caller: Caller) -> None:
    index = new_index(caller)
    job = services.vectorize(caller, chunked(caller, {"a.txt": "Cats."}), index.index)
    work.abandon_begin(caller.application, job.job, "the queue did not answer")
    assert services.job(caller, job.job).status is JobStatus.FAILED
    work.begin(caller.application, job.job)
    work.vectorize(caller.application, job.job, "a.txt")
    assert services.job(caller, job.job).status is JobStatus.COMPLETED
