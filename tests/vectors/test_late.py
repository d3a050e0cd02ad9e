"""Vectorize jobs over a store that shows what was written only after a while, as OpenSearch Serverless does."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta

import pytest
import requests
from msgspec.structs import replace

from apps.vectors import services, work
from apps.vectors.adapters import backend
from apps.vectors.adapters.opensearch_documents import index_name
from apps.vectors.records import FileStatus, VectorIndex, VectorizedFile, VectorizeJob
from apps.vectors.services import JobStatus
from foundation.adapters import records
from foundation.ambient import now
from foundation.errors import Unavailable
from foundation.identity import Caller
from foundation.settings import CHOSEN
from tests.delivering import awaiting
from tests.running import wait_for
from tests.servers.serverless_proxy import Collection
from tests.vectors.elsewhere import Elsewhere, Workers
from tests.vectors.indexes import begun, chunked, finished, found, new_index

CHUNKS = 300


def rows_in(index: VectorIndex) -> int:
    return backend().count(services.shelf_of(index))


def lines(count: int) -> str:
    return "\n".join(f'{{"n": {number}}}' for number in range(count))


def put_behind(store: Collection, index: VectorIndex) -> None:
    """The one row of an index once more, as a worker that began before the other writes it."""
    place = f"{store.behind}/{index_name(CHOSEN.deployment, index.application, index.store, index.index)}"
    (there,) = requests.get(f"{place}/_search", timeout=30).json()["hits"]["hits"]
    older = {**there["_source"], "version": there["_source"]["version"] - 1}
    assert requests.post(f"{place}/_doc?refresh=true", json=older, timeout=30).status_code == 201


def status_of(caller: Caller, job: VectorizeJob) -> tuple[JobStatus, int, int]:
    known = services.job(caller, job.job)
    return known.status, known.completed, known.failed


def test_a_job_is_complete_only_when_searches_find_its_chunks_and_no_worker_waits_for_that(
    caller: Caller, store: Collection, there: Elsewhere
) -> None:
    index = there(new_index, caller)
    job = there(begun, caller, chunked(caller, {"a.txt": "Cats sleep.", "b.txt": "Dogs run."}), index)
    store.showing.clear()
    before = awaiting(caller.application, work.QUEUE)[1]
    for name in ("a.txt", "b.txt"):  # the second is worked on while the first is not shown
        there(work.vectorize, caller.application, job.job, name)
    assert store.written == 2
    assert awaiting(caller.application, work.QUEUE)[1] == before + 2
    there(work.vectorize, caller.application, job.job, "a.txt")
    assert status_of(caller, job) == (JobStatus.STARTED, 0, 0)
    assert there(found, caller, index, "cats") == []
    store.showing.set()
    wait_for(lambda: there(rows_in, index) == 2)
    for name, status in (("a.txt", JobStatus.IN_PROGRESS), ("b.txt", JobStatus.COMPLETED)):
        there(work.vectorize, caller.application, job.job, name)
        assert services.job(caller, job.job).status is status
    assert there(found, caller, index, "cats")[0] == "Cats sleep."
    assert store.written == 2


def test_a_file_to_two_workers_at_once_is_counted_once_and_its_rows_are_told_once(
    caller: Caller, store: Collection, there: Elsewhere, workers: Workers
) -> None:
    index = there(new_index, caller)
    job = there(begun, caller, chunked(caller, {"a.jsonl": lines(CHUNKS)}), index)
    store.showing.clear()
    pool = workers(2)
    for each in [pool.submit(work.vectorize, caller.application, job.job, "a.jsonl") for _ in range(2)]:
        each.result()
    twice = store.written
    store.showing.set()
    wait_for(lambda: there(rows_in, index) == twice)
    told = there(found, caller, index, "n", "text", 40)
    assert len(told) == len({*told}) == 40
    for _ in range(3):
        there(work.vectorize, caller.application, job.job, "a.jsonl")
    assert status_of(caller, job) == (JobStatus.COMPLETED, 1, 0)
    wait_for(lambda: there(rows_in, index) == CHUNKS)


def test_a_worker_killed_when_its_rows_were_taken_leaves_none_twice(
    caller: Caller, store: Collection, there: Elsewhere, workers: Workers
) -> None:
    index = there(new_index, caller)
    job = there(begun, caller, chunked(caller, {"a.jsonl": lines(CHUNKS)}), index)
    store.showing.clear()
    store.answering.clear()
    pool = workers(1)
    worker = pool.submit(os.getpid).result()
    cut_off = pool.submit(work.vectorize, caller.application, job.job, "a.jsonl")
    wait_for(lambda: store.written)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(BrokenProcessPool):
        cut_off.result()
    store.answering.set()
    there(work.vectorize, caller.application, job.job, "a.jsonl")
    assert store.written > CHUNKS
    store.showing.set()
    wait_for(lambda: there(rows_in, index) == store.written)
    there(work.vectorize, caller.application, job.job, "a.jsonl")
    assert status_of(caller, job) == (JobStatus.COMPLETED, 1, 0)
    wait_for(lambda: there(rows_in, index) == CHUNKS)


def test_what_a_slow_worker_put_after_the_file_was_counted_is_removed_by_the_last_message(
    caller: Caller, store: Collection, there: Elsewhere
) -> None:
    index = there(new_index, caller)
    job = there(begun, caller, chunked(caller, {"a.txt": "Cats sleep."}), index)
    store.showing.clear()
    there(work.vectorize, caller.application, job.job, "a.txt")
    store.showing.set()
    wait_for(lambda: there(rows_in, index) == 1)
    before = awaiting(caller.application, work.QUEUE)[1]
    there(work.vectorize, caller.application, job.job, "a.txt")
    assert status_of(caller, job) == (JobStatus.COMPLETED, 1, 0)
    assert awaiting(caller.application, work.QUEUE)[1] == before + 1
    put_behind(store, index)
    assert there(rows_in, index) == 2
    assert there(found, caller, index, "cats") == ["Cats sleep."]
    there(work.vectorize, caller.application, job.job, "a.txt")
    wait_for(lambda: there(rows_in, index) == 1)
    assert awaiting(caller.application, work.QUEUE)[1] == before + 1
    assert status_of(caller, job) == (JobStatus.COMPLETED, 1, 0)


def test_vectorizing_a_file_again_leaves_each_row_once(caller: Caller, store: Collection, there: Elsewhere) -> None:
    index, chunking = there(new_index, caller), chunked(caller, {"a.txt": "Cats sleep.", "b.txt": "Dogs run."})
    for _ in range(2):
        job = there(finished, caller, chunking, index)
        wait_for(lambda: there(rows_in, index) == 2)
        for name in ("a.txt", "b.txt"):
            there(work.vectorize, caller.application, job.job, name)
        assert status_of(caller, job) == (JobStatus.COMPLETED, 2, 0)
    assert (store.written, there(rows_in, index)) == (2, 2)


def test_a_store_that_never_shows_a_file_is_an_error_and_a_redriven_message_puts_it_again(caller: Caller) -> None:
    job = begun(caller, chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller))
    (file,) = work.files_of(job)
    records.put(replace(file, written=now() - timedelta(minutes=6)))
    with pytest.raises(Unavailable, match="does not show"):
        work.vectorize(caller.application, job.job, "a.txt")
    work.abandon(caller.application, job.job, "a.txt", "the vector store does not show what was put into it")
    assert status_of(caller, job) == (JobStatus.FAILED, 0, 1)
    work.vectorize(caller.application, job.job, "a.txt")
    assert status_of(caller, job) == (JobStatus.COMPLETED, 1, 0)
    again = records.get(VectorizedFile, caller.application, job.job, "a.txt")
    assert again is not None and again.status is FileStatus.COMPLETED
