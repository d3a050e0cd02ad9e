"""Vectorize jobs of an application that is over a limit: a job waits for room, however often, and nobody's attempts run out."""

from dataclasses import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.vectors import services
from apps.vectors.services import JobStatus
from foundation.adapters import records
from foundation.identity import Caller
from tests.delivering import Delivery, deliver_all
from tests.vectors.indexes import chunked, new_index

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
