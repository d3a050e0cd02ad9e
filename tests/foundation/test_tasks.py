"""What happens to a message, with a real worker in a process of its own."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.pulse import LONGEST_SILENCE, place
from tests.foundation.staging import PLATFORMS, QUEUES, Stage, on_each_platform
from tests.running import wait_for

stage = pytest.fixture(on_each_platform, params=PLATFORMS)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Stage]:
    """A stage of the embedded platform."""
    made = Stage(tmp_path / "home")
    yield made
    made.close()


def test_a_message_is_gone_when_its_task_has_returned(stage: Stage) -> None:
    stage.worker()
    stage.send("note", "a")
    wait_for(lambda: stage.diary == ["note a"] and stage.is_empty())
    assert stage.depth().dead == 0


def test_a_retryable_error_makes_the_message_come_again_after_a_pause(stage: Stage) -> None:
    stage.worker()
    stage.send("recover", "a")
    wait_for(lambda: stage.diary[:1] == ["tried a"])
    wait_for(stage.is_empty)
    assert stage.diary == ["tried a", "tried a"]
    assert stage.depth().dead == 0


def test_what_others_have_changed_meanwhile_is_tried_again(stage: Stage) -> None:
    stage.worker()
    stage.send("collide", "a")
    wait_for(lambda: stage.diary[:1] == ["tried a"])
    wait_for(stage.is_empty)
    assert (stage.diary, stage.depth().dead) == (["tried a", "tried a"], 0)


def test_a_capability_whose_store_is_away_hears_of_its_dead_message_afterwards(stage: Stage) -> None:
    stage.worker()
    stage.send("outlast", "a")
    wait_for(lambda: stage.diary.count("not told") > 4, 60)  # more often than SQS would deliver what kills its workers
    (stage.home / "a").touch()
    wait_for(lambda: stage.depth().dead == 1, 120)
    assert (
        stage.diary[-1]
        == "abandoned a: no end was seen of 3 attempts: the worker was killed by each, or a store did not answer"
    )


def test_an_unexpected_error_abandons_the_work_at_once_with_a_reason_for_its_user(stage: Stage) -> None:
    stage.worker()
    stage.send("break", "s3cret")
    wait_for(lambda: stage.depth().dead == 1)
    (line,) = stage.diary
    assert line.startswith("abandoned s3cret: ") and "operator" in line
    assert "KeyError" not in line and "Traceback" not in line
    (letter,) = stage.dead()
    assert (letter.task, letter.ids, letter.deliveries) == ("break", {"word": "s3cret"}, 1)
    assert letter.reason == "KeyError: 's3cret'"


def test_a_refusal_is_the_reason_of_the_abandoned_work(stage: Stage) -> None:
    stage.worker()
    stage.send("refuse", "a")
    wait_for(lambda: stage.depth().dead == 1)
    assert stage.diary == ["abandoned a: a cannot be done"]


def test_a_message_that_kills_its_worker_is_dead_after_its_attempts(stage: Stage) -> None:
    stage.send("die", "a")
    for _ in range(3):
        assert stage.worker(1).wait(60) == -signal.SIGKILL
    stage.worker(1)
    wait_for(lambda: stage.depth().dead == 1)
    assert stage.diary[:3] == ["dying a"] * 3
    assert stage.diary[3].startswith("abandoned a: no end was seen of 3 attempts")
    assert len(stage.diary) == 4


def test_a_dead_letter_that_is_redriven_is_tried_again_as_new(stage: Stage) -> None:
    stage.worker()
    stage.send("break", "a")
    wait_for(lambda: stage.depth().dead == 1)
    assert "1 dead letter put back" in stage.run("jobs", "redrive", "--queue", stage.queue).stdout
    wait_for(lambda: len(stage.diary) == 2 and stage.depth().dead == 1)
    assert stage.dead()[0].deliveries == 1


def test_the_work_of_a_killed_worker_is_done_by_another(stage: Stage) -> None:
    killed = stage.worker()
    stage.send("wait", "go", queue=stage.shortest)
    wait_for(lambda: stage.diary == ["begun go"])
    killed.kill()
    killed.wait()
    (stage.home / "go").touch()
    stage.worker()
    wait_for(lambda: stage.is_empty(stage.shortest))
    assert stage.diary == ["begun go", "begun go", "done go"]


def test_on_one_machine_that_does_not_wait_for_the_visibility_of_the_queue(embedded: Stage) -> None:
    killed = embedded.worker()
    embedded.send("wait", "go")
    wait_for(lambda: embedded.diary == ["begun go"])
    killed.kill()
    killed.wait()
    (embedded.home / "go").touch()
    embedded.worker()
    wait_for(embedded.is_empty)  # far sooner than the 15 minutes of the queue
    assert embedded.diary == ["begun go", "begun go", "done go"]


def test_a_task_may_take_longer_than_the_visibility_of_its_queue_while_its_worker_lives(stage: Stage) -> None:
    (visibility,) = (queue.visibility.total_seconds() for queue in QUEUES if queue.name == stage.shortest)
    stage.worker()
    stage.send("wait", "go", queue=stage.shortest)
    wait_for(lambda: stage.diary == ["begun go"])
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 2.5 * visibility)
    assert stage.depth(stage.shortest).in_flight == 1
    (stage.home / "go").touch()
    wait_for(lambda: stage.is_empty(stage.shortest))
    assert stage.diary == ["begun go", "done go"]


def test_a_signal_to_stop_lets_a_task_finish_and_its_message_leave(stage: Stage) -> None:
    worker = stage.worker()
    stage.send("wait", "go")
    wait_for(lambda: stage.diary == ["begun go"])
    worker.terminate()
    wait_for(lambda: "Warm shutdown" in stage.log.read_text())
    (stage.home / "go").touch()
    assert worker.wait(30) == 0
    assert stage.diary == ["begun go", "done go"]
    assert stage.is_empty()


def test_what_comes_while_a_worker_stops_is_done_or_left_for_others_at_once(stage: Stage) -> None:
    worker = stage.worker()
    wait_for(place(stage.home).exists)
    worker.terminate()
    stage.send("note", "late")
    assert worker.wait(30) == 0
    assert (stage.diary, stage.depth().waiting) in ((["note late"], 0), ([], 1))
    assert stage.depth().in_flight == 0


def test_a_worker_of_one_queue_leaves_the_others_alone(stage: Stage) -> None:
    stage.worker(queue="brief")
    stage.send("note", "left", queue="hurried")
    stage.send("note", "taken", queue="brief")
    wait_for(lambda: stage.diary == ["note taken"] and stage.is_empty("brief"))
    assert stage.depth("hurried").waiting == 1


def test_a_worker_of_a_queue_that_does_not_exist_does_not_start(stage: Stage) -> None:
    refused = stage.run("worker", "--queue", "nowhere")
    assert refused.returncode != 0 and "rehearsal, hurried, brief" in refused.stderr


def test_a_worker_shows_that_it_lives_while_it_waits_and_while_it_works(stage: Stage) -> None:
    assert stage.run("alive").returncode == 1
    stage.worker(1)
    wait_for(lambda: stage.run("alive").returncode == 0, every=1)
    stage.send("wait", "go")
    wait_for(lambda: stage.diary == ["begun go"])
    sign = place(stage.home)
    for _ in range(2):  # it has no room for another message, and is well
        seen = sign.stat().st_mtime
        wait_for(lambda seen=seen: sign.stat().st_mtime > seen)
    assert "was able to receive" in stage.run("alive").stdout


def test_a_worker_that_hangs_is_found_dead_until_it_goes_on(stage: Stage) -> None:
    worker = stage.worker(1)
    sign = place(stage.home)
    wait_for(sign.exists)
    worker.send_signal(signal.SIGSTOP)
    os.utime(sign, times=(time.time() - LONGEST_SILENCE - 1,) * 2)  # as if that long had passed
    dead = stage.run("alive")
    worker.send_signal(signal.SIGCONT)
    assert dead.returncode == 1 and "not been able to receive" in dead.stderr
    wait_for(lambda: stage.run("alive").returncode == 0, every=1)
