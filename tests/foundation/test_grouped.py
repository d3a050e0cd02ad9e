"""Group commit: one batch for many, in order, told to those who wait."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from foundation.grouped import LARGEST, MOST_WAITING, Full, Grouped
from tests.conformance.processes import at_once, outputs, python
from tests.running import wait_for


class Doubling:
    """Doubles numbers, when its gate is open; remembers the batches. A negative one fails its batch."""

    def __init__(self) -> None:
        self.gate, self.batches = threading.Event(), list[list[int]]()
        self.gate.set()
        self.grouped: Grouped[int, int] = Grouped("doubling", self.work)

    @property
    def wants(self) -> list[int]:
        """All that was wanted so far, in the order in which it was worked on."""
        return [want for batch in self.batches for want in batch]

    def work(self, wants: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(wants))
        assert self.gate.wait(10)
        if min(wants) < 0:
            raise ValueError("a negative number")
        return [2 * want for want in wants]


def test_each_gets_what_was_done_for_it() -> None:
    doubling = Doubling()
    assert at_once(32, doubling.grouped.wait) == [2 * number for number in range(32)]


async def test_a_crowd_shares_a_batch_in_the_order_in_which_it_came() -> None:
    doubling = Doubling()
    doubling.gate.clear()
    first = asyncio.create_task(doubling.grouped.done(-1))
    while not doubling.batches:
        await asyncio.sleep(0)
    crowd = [asyncio.create_task(doubling.grouped.done(number)) for number in range(LARGEST + 10)]
    await asyncio.sleep(0)
    doubling.gate.set()
    with pytest.raises(ValueError, match="negative"):
        await first
    assert await asyncio.gather(*crowd) == [2 * number for number in range(LARGEST + 10)]
    assert [len(batch) for batch in doubling.batches] == [1, LARGEST, 10]
    assert doubling.wants[1:] == list(range(LARGEST + 10))


async def test_a_failure_belongs_to_its_batch_alone() -> None:
    doubling = Doubling()
    with pytest.raises(ValueError, match="negative"):
        await doubling.grouped.done(-1)
    assert await doubling.grouped.done(4) == 8


async def test_who_stops_waiting_takes_nothing_back_and_disturbs_nobody() -> None:
    doubling = Doubling()
    doubling.gate.clear()
    leaving, staying = (asyncio.create_task(doubling.grouped.done(number)) for number in (1, 2))
    while not doubling.batches:
        await asyncio.sleep(0)
    leaving.cancel()
    doubling.gate.set()
    assert await staying == 4
    assert doubling.wants == [1, 2]


def test_what_nobody_waits_for_is_done_with_the_next_and_before_it() -> None:
    doubling = Doubling()
    doubling.grouped.wait(1)
    doubling.grouped.later(2)
    assert doubling.grouped.wait(3) == 6
    assert doubling.wants == [1, 2, 3]


def test_what_nobody_waits_for_is_done_though_nobody_else_comes() -> None:
    doubling = Doubling()
    for number in range(3):
        doubling.grouped.later(number)
        wait_for(lambda number=number: number in doubling.wants, 10, every=0.005)


def test_more_than_can_wait_are_refused_and_the_others_are_done() -> None:
    doubling = Doubling()
    doubling.gate.clear()
    doubling.grouped.later(-1)
    wait_for(lambda: doubling.batches, 10, every=0.005)
    for number in range(MOST_WAITING):
        doubling.grouped.later(number)
    with pytest.raises(Full):
        doubling.grouped.later(1)
    doubling.gate.set()
    wait_for(lambda: sum(map(len, doubling.batches)) == MOST_WAITING + 1, 10)


CROWDED = """
import threading
from foundation.grouped import Grouped

seen = []
doubling = Grouped("doubling", lambda wants: [seen.append(want) or 2 * want for want in wants])
usual = threading.stack_size(2**46)  # more than there is
try:
    doubling.later(1)
except RuntimeError:
    threading.stack_size(usual)
answers = []
doubling.add(2, answers.append)
for _ in range(1000):
    if not answers:
        threading.Event().wait(0.01)
assert (answers, seen) == ([4], [2])
"""


def test_what_finds_no_thread_is_told_so_and_the_next_begins_one() -> None:
    outputs([python(CROWDED)])


FORKED = """
import os
import threading
from foundation.grouped import Grouped

def work(wants):
    seen.append(list(wants))
    busy.set()
    assert gate.wait(10)
    return [2 * want for want in wants]

seen, busy, gate = [], threading.Event(), threading.Event()
doubling = Grouped("doubling", work)
doubling.later(1)
assert busy.wait(10)
doubling.later(2)
child = os.fork()
if child == 0:
    seen, gate = [], threading.Event()
    gate.set()
    assert doubling.wait(3) == 6
    assert seen == [[3]]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
gate.set()
assert doubling.wait(4) == 8
assert sum(seen, []) == [1, 2, 4]
"""


def test_a_child_of_a_fork_begins_with_nothing_and_its_parent_goes_on() -> None:
    outputs([python(FORKED)])
