"""Fault 27: a message delivered twice, or to two workers at once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.foundation.staging import Stage
from tests.running import wait_for


@pytest.fixture
def stage(tmp_path: Path):
    made = Stage(tmp_path / "home")
    yield made
    made.close()


def test_27_workers_side_by_side_never_hold_the_same_message(stage: Stage) -> None:
    for number in range(200):
        stage.send("note", str(number))
    for _ in range(3):
        stage.worker(4)
    wait_for(stage.is_empty)
    assert Counter(stage.diary) == {f"note {number}": 1 for number in range(200)}


def test_27_a_message_that_comes_twice_leaves_nothing_behind(stage: Stage) -> None:
    """That it has one result is the capability's own promise; the queue has to end both deliveries."""
    stage.send("note", "a")
    stage.send("note", "a")
    stage.worker()
    wait_for(stage.is_empty)
    assert stage.diary == ["note a", "note a"]
    assert stage.queues.depth("rehearsal").dead == 0
