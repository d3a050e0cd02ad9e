"""27: two workers have the same part of a batch at once and get other answers: one of them is the result, and counts."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import Raw

from apps.invocation.batches import answering, services, work
from apps.invocation.batches.lines import LineFailure, LineResponse, LineResult
from apps.invocation.batches.records import BatchStatus, Results
from foundation.errors import NotFound
from foundation.identity import Caller
from tests.faults.loops import batch_made

WHY = LineFailure("unavailable", "the model did not answer")
LINES = 3


def begun(caller: Caller) -> str:
    """A batch of one part that is with the workers."""
    line = {"method": "POST", "url": "/v1/embeddings", "body": {"model": "none", "input": "x"}}
    content = (json.dumps({"custom_id": f"{number}", **line}).encode() + b"\n" for number in range(LINES))
    batch = batch_made(caller, services.keep_file(caller, "in.jsonl", content).file)
    work.begin(caller.application, batch)
    return batch


def answers(caller: Caller, batch: str) -> tuple[dict[int, LineResult], dict[int, LineResult]]:
    """What two workers got for the lines of the part: all were answered, none was."""
    target = services.batch(caller, batch)
    _, lines = work.so_far(target, 0)
    good = LineResponse(200, "one", Raw(b"{}"))
    return (
        {line.place: answering.result(target, line, good) for line in lines},
        {line.place: answering.failed(target, line, WHY) for line in lines},
    )


def check_one_result(caller: Caller, batch: str, completed: int, failed: int) -> None:
    """The counts, the sizes and the lines of the results tell the same."""
    target = services.batch(caller, batch)
    assert (target.status, target.completed, target.failed, target.ended) == (BatchStatus.COMPLETED, completed, failed, 1)
    for results, lines in ((Results.OUTPUT, completed), (Results.ERRORS, failed)):
        if not lines:
            with pytest.raises(NotFound):
                services.file(caller, target.file_of(results))
            continue
        kept = services.file(caller, target.file_of(results))
        content = b"".join(services.content(kept))
        assert (len(content.splitlines()), len(content)) == (lines, services.size_of(kept))


@pytest.mark.parametrize("first", [0, 1])
def test_27_the_first_of_two_workers_that_got_other_answers_ends_a_part(caller: Caller, first: int) -> None:
    batch = begun(caller)
    both = answers(caller, batch)
    target = services.batch(caller, batch)
    for got in (both[first], both[1 - first]):
        work.end(target, 0, got)
    check_one_result(caller, batch, *((LINES, 0) if first == 0 else (0, LINES)))


def test_27_of_many_workers_at_the_same_moment_one_ends_a_part(caller: Caller) -> None:
    batch = begun(caller)
    both = answers(caller, batch)
    target = services.batch(caller, batch)
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(lambda number: work.end(target, 0, both[number % 2]), range(6)))
    completed = services.batch(caller, batch).completed
    check_one_result(caller, batch, completed, LINES - completed)
    assert completed in (0, LINES)


def test_27_a_part_whose_lines_are_gone_as_another_worker_ended_it_is_no_dead_letter(caller: Caller) -> None:
    batch = begun(caller)
    work.end(services.batch(caller, batch), 0, answers(caller, batch)[0])
    work.answer(caller.application, batch, 0)
    check_one_result(caller, batch, LINES, 0)
