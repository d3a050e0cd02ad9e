"""26: a worker of batches is killed (SIGKILL) at every step; its message, delivered again, counts each line once."""

import json
from collections.abc import Callable

import pytest

from apps.invocation.batches import services, work
from apps.invocation.batches.records import BatchStatus, Results
from foundation.adapters import directory
from foundation.identity import Caller
from tests.faults.test_26_chunking_worker_killed import killed_at
from tests.forging import new_client

LINES = 23  # two parts
PARTS = 2


@pytest.fixture(scope="module")
def caller() -> Caller:
    """An application that was deactivated: its lines end without a model, all the steps of the stores are the same."""
    made = new_client("batches")
    found = directory.find(made.client)
    assert found is not None
    directory.set_active(made.client, False)
    return Caller(found.application, made.client)


def made(caller: Caller) -> str:
    """A batch that no worker has seen."""
    lines = (
        {"custom_id": f"{number}", "method": "POST", "url": "/v1/embeddings", "body": {"model": "none", "input": "x"}}
        for number in range(LINES)
    )
    file = services.keep_file(caller, "in.jsonl", [json.dumps(line).encode() + b"\n" for line in lines])
    batch = services.create(caller, input_file=file.file, endpoint="/v1/embeddings", window="24h", metadata={})
    return batch.batch


def begun(caller: Caller) -> str:
    """A batch whose parts are with the workers."""
    batch = made(caller)
    work.begin(caller.application, batch)
    return batch


def check_completes(caller: Caller, batch: str) -> None:
    """Deliver every message of the batch again, twice, and find everything once."""
    for _ in range(2):
        work.begin(caller.application, batch)
        for part in range(PARTS):
            work.answer(caller.application, batch, part)
    target = services.batch(caller, batch)
    assert (target.status, target.total, target.failed, target.ended) == (BatchStatus.COMPLETED, LINES, LINES, PARTS)
    file = services.file(caller, target.file_of(Results.ERRORS))
    content = b"".join(services.content(file))
    assert [json.loads(line)["custom_id"] for line in content.splitlines()] == [f"{number}" for number in range(LINES)]
    assert services.size_of(file) == len(content)


def steps_survived(caller: Caller, prepare: Callable[[Caller], str], act: Callable[[str], None]) -> int:
    """Kill `act` at its first step, its second and so on, each time on a batch of its own, until it comes to its end."""
    step = 1
    while True:
        batch = prepare(caller)
        killed = killed_at(step, lambda batch=batch: act(batch))
        check_completes(caller, batch)
        if not killed:
            return step
        step += 1


def test_26_a_worker_killed_at_any_step_of_cutting_a_batch_leaves_exact_counts(caller: Caller) -> None:
    assert steps_survived(caller, made, lambda batch: work.begin(caller.application, batch)) > 20


def test_26_a_worker_killed_at_any_step_of_answering_a_part_leaves_exact_counts(caller: Caller) -> None:
    assert steps_survived(caller, begun, lambda batch: work.answer(caller.application, batch, 0)) > 20
