"""The same chunking message reaches two workers at once: one result, counted once."""

from concurrent.futures import ThreadPoolExecutor

from apps.chunking import services, work
from apps.chunking.cuts import Strategy
from apps.chunking.records import JobStatus
from tests.chunking.documents import begun, extracted, texts

DOCUMENTS = {"a.txt": b"a\n\nb", "b.json": b"{", "c.jsonl": b"1\n2"}
WORKERS = 6


def test_a_file_cut_by_many_workers_at_once_is_counted_once(caller):
    job = begun(caller, extracted(caller, DOCUMENTS)).job
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(lambda name: work.chunk(caller.application, job, name), [*DOCUMENTS] * WORKERS))
    target = services.job(caller, job)
    assert (target.status, target.completed, target.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 2, 1)
    assert texts(caller, job, "c.jsonl") == ["1", "2"]


def test_a_job_begun_by_many_workers_at_once_has_each_file_once(caller):
    job = services.create_job(caller, extracted(caller, DOCUMENTS), Strategy.PAGE).job
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(lambda _: work.begin(caller.application, job), range(WORKERS)))
    assert [file.name for file in work.files_of(services.job(caller, job))] == list(DOCUMENTS)
    assert services.job(caller, job).total == len(DOCUMENTS)


def test_a_file_abandoned_while_another_worker_cuts_it_is_counted_once(caller):
    job = begun(caller, extracted(caller, {"a.txt": b"a"})).job
    with ThreadPoolExecutor(2) as workers:
        cut = workers.submit(work.chunk, caller.application, job, "a.txt")
        given_up = workers.submit(work.abandon, caller.application, job, "a.txt", "too slow")
        cut.result()
        given_up.result()
    target = services.job(caller, job)
    assert (target.status, target.completed, target.failed) == (JobStatus.COMPLETED, 1, 0)
