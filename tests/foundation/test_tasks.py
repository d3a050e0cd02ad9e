"""What happens to a message, with a real worker in a process of its own."""

import signal
import time

from tests.foundation.staging import Stage
from tests.running import wait_for


def test_a_message_is_gone_when_its_task_has_returned(stage: Stage) -> None:
    stage.worker()
    stage.send("note", "a")
    wait_for(lambda: stage.diary == ["note a"] and stage.is_empty())
    assert stage.queues.depth("rehearsal").dead == 0


def test_a_retryable_error_makes_the_message_come_again_after_a_pause(stage: Stage) -> None:
    stage.worker()
    stage.send("recover", "a")
    wait_for(lambda: stage.queues.depth("rehearsal").delayed == 1)
    wait_for(stage.is_empty)
    assert stage.diary == ["tried a", "tried a"]
    assert stage.queues.depth("rehearsal").dead == 0


def test_an_unexpected_error_abandons_the_work_at_once_with_a_reason_for_its_user(stage: Stage) -> None:
    stage.worker()
    stage.send("break", "s3cret")
    wait_for(lambda: stage.queues.depth("rehearsal").dead == 1)
    (line,) = stage.diary
    assert line.startswith("abandoned s3cret: ") and "operator" in line
    assert "KeyError" not in line and "Traceback" not in line
    (letter,) = stage.queues.dead("rehearsal").items
    assert (letter.task, letter.ids, letter.deliveries) == ("break", {"word": "s3cret"}, 1)
    assert letter.reason == "KeyError: 's3cret'"


def test_a_refusal_is_the_reason_of_the_abandoned_work(stage: Stage) -> None:
    stage.worker()
    stage.send("refuse", "a")
    wait_for(lambda: stage.queues.depth("rehearsal").dead == 1)
    assert stage.diary == ["abandoned a: a cannot be done"]


def test_a_message_that_kills_its_worker_is_dead_after_its_attempts(stage: Stage) -> None:
    stage.send("die", "a")
    for _ in range(3):
        assert stage.worker(1).wait(60) == -signal.SIGKILL
    stage.worker(1)
    wait_for(lambda: stage.queues.depth("rehearsal").dead == 1)
    assert stage.diary[:3] == ["dying a"] * 3
    assert stage.diary[3].startswith("abandoned a: the worker process ended at each of 3 attempts")
    assert len(stage.diary) == 4


def test_a_dead_letter_that_is_redriven_is_tried_again_as_new(stage: Stage) -> None:
    stage.worker()
    stage.send("break", "a")
    wait_for(lambda: stage.queues.depth("rehearsal").dead == 1)
    assert "1 dead letter put back" in stage.run("jobs", "redrive", "--queue", "rehearsal").stdout
    wait_for(lambda: len(stage.diary) == 2 and stage.queues.depth("rehearsal").dead == 1)
    assert stage.queues.dead("rehearsal").items[0].deliveries == 1


def test_the_work_of_a_killed_worker_is_done_as_soon_as_another_is_there(stage: Stage) -> None:
    killed = stage.worker()
    stage.send("wait", "go")
    wait_for(lambda: stage.diary == ["begun go"])
    killed.kill()
    killed.wait()
    (stage.home / "go").touch()
    stage.worker()
    wait_for(stage.is_empty)  # far sooner than the 15 minutes of the queue
    assert stage.diary == ["begun go", "begun go", "done go"]


def test_a_task_may_take_longer_than_the_visibility_of_its_queue_while_its_worker_lives(stage: Stage) -> None:
    stage.worker()
    stage.send("wait", "go", queue="hurried")
    wait_for(lambda: stage.diary == ["begun go"])
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 2.5)
    assert stage.queues.depth("hurried").in_flight == 1
    (stage.home / "go").touch()
    wait_for(lambda: stage.is_empty("hurried"))
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


def test_a_worker_of_one_queue_leaves_the_others_alone(stage: Stage) -> None:
    stage.start("worker", "--queue", "hurried")
    stage.send("note", "left")
    stage.send("note", "taken", queue="hurried")
    wait_for(lambda: stage.diary == ["note taken"] and stage.is_empty("hurried"))
    assert stage.queues.depth("rehearsal").waiting == 1


def test_a_worker_of_a_queue_that_does_not_exist_does_not_start(stage: Stage) -> None:
    refused = stage.run("worker", "--queue", "nowhere")
    assert refused.returncode != 0 and "rehearsal, hurried" in refused.stderr
