"""Fault 29, the queue's part: its file refuses for a while; nothing is lost and the worker goes on by itself."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from tests.foundation.staging import Stage
from tests.running import wait_for


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "home")
    yield made
    made.close()


def test_29_a_worker_whose_queue_refuses_finishes_its_task_and_goes_on_when_it_answers_again(stage: Stage) -> None:
    worker = stage.worker()
    stage.send("wait", "go")
    wait_for(lambda: stage.diary == ["begun go"])
    lock = sqlite3.connect(stage.home / "queues.db", isolation_level=None)
    lock.execute("begin immediate")
    with pytest.raises(Unavailable) as refused:
        stage.send("note", "refused")
    assert refused.value.retry_after
    (stage.home / "go").touch()
    wait_for(lambda: "messages wait" in stage.log.read_text())
    assert worker.poll() is None
    lock.execute("rollback")
    lock.close()
    stage.send("note", "after")
    wait_for(lambda: "note after" in stage.diary and stage.is_empty())
    assert stage.diary == ["begun go", "done go", "note after"]
