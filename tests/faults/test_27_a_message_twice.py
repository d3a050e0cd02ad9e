"""Fault 27: a message delivered twice, or to two workers at once."""

from collections import Counter

import pytest

from tests.foundation.staging import PLATFORMS, Stage, on_each_platform
from tests.running import wait_for

stage = pytest.fixture(on_each_platform, params=PLATFORMS)


def test_27_workers_side_by_side_never_hold_the_same_message(stage: Stage) -> None:
    for number in range(200):
        stage.send("note", str(number), queue="rehearsal")
    for _ in range(3):
        stage.worker(4, queue="rehearsal")
    wait_for(lambda: stage.is_empty("rehearsal"))
    assert Counter(stage.diary) == {f"note {number}": 1 for number in range(200)}


def test_27_a_message_that_comes_twice_leaves_nothing_behind(stage: Stage) -> None:
    """That it has one result is the capability's own promise; the queue has to end both deliveries."""
    stage.send("note", "a")
    stage.send("note", "a")
    stage.worker()
    wait_for(stage.is_empty)
    assert stage.diary == ["note a", "note a"]
    assert stage.depth().dead == 0
