"""Vectorize jobs of an application that is over a limit: a job waits for room, however often, and nobody's attempts run out."""

from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.vectors import services, work
from apps.vectors.adapters import backend
from apps.vectors.services import JobStatus
from foundation.adapters import records
from foundation.identity import Caller
from tests.delivering import Delivery, deliver_all
from tests.vectors.indexes import begun, chunked, new_index

LOOKS = 12  # more than a message has attempts


def test_files_that_wait_for_a_limit_do_not_fail(caller: Caller) -> None:
    chunking, index = chunked(caller, {"a.txt": "Cats.", "b.txt": "Dogs."}), new_index(caller)
    policy = records.put(Policy(caller.application, allowance=Allowance(concurrent=0)))
    applications.policies.forget(caller.application)
    job = services.vectorize(caller, chunking, index.index)
    seen: list[str] = []

    def act(delivery: Delivery) -> None:
        seen.append(delivery.order.task)
        if seen.count("vectorize_file") == LOOKS:
            assert services.job(caller, job.job).failed == 0
            records.put(replace(policy, allowance=Allowance()))
            applications.policies.forget(caller.application)
        delivery.work()

    deliver_all(caller.application, "vectors", act=act)
    ended = services.job(caller, job.job)
    assert (ended.status, ended.completed, ended.failed) == (JobStatus.COMPLETED, 2, 0)
    assert seen.count("vectorize_file") >= LOOKS


def test_what_was_embedded_before_the_limit_is_in_the_index_and_is_not_paid_for_again(caller: Caller) -> None:
    lines = "\n".join(f'{{"n": {number}}}' for number in range(2 * work.TEXTS_AT_ONCE))
    index = new_index(caller)
    job = begun(caller, chunked(caller, {"a.jsonl": lines}), index)
    records.put(Policy(caller.application, allowance=Allowance(requests_per_minute=1)))
    applications.policies.forget(caller.application)
    work.vectorize(caller.application, job.job, "a.jsonl")
    assert backend().count(services.shelf_of(index)) >= work.TEXTS_AT_ONCE  # more where a minute has just ended
    assert services.job(caller, job.job).failed == 0
