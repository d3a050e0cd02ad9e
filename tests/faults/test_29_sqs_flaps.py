"""Fault 29, SQS's part: it drops connections, answers 503, loses answers and is away; nothing is lost, the worker lives."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from foundation.pulse import silence
from tests.foundation.staging import QUEUES, StageOnSqs
from tests.running import wait_for
from tests.servers.elasticmq import ElasticMq
from tests.servers.flapping import Fate, FlappingDoor, always_served

OUTAGE = 30  # seconds; longer than the queue hides a message
MESSAGES = 60
LOST = (9, 23, 37)  # the requests that are done and not answered: few, as each may count a delivery


@pytest.fixture
def door(elasticmq: ElasticMq) -> Iterator[FlappingDoor]:
    with FlappingDoor(elasticmq.port).running() as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path, elasticmq: ElasticMq, door: FlappingDoor) -> Iterator[StageOnSqs]:
    made = StageOnSqs(tmp_path / "home", elasticmq, door.port)
    yield made
    made.close()


def flaps(number: int) -> Fate:
    """Every third request fails in some way."""
    if number in LOST:
        return Fate.UNANSWERED
    return (Fate.SERVED, Fate.BUSY, Fate.SERVED, Fate.SERVED, Fate.DROPPED, Fate.SERVED)[number % 6]


def test_29_a_worker_whose_queue_flaps_does_everything_and_goes_on(stage: StageOnSqs, door: FlappingDoor) -> None:
    door.plan = flaps
    worker = stage.worker()
    for number in range(MESSAGES):
        stage.send("note", str(number))
    wait_for(lambda: len({*stage.diary}) == MESSAGES and stage.is_empty(), 120)
    done = Counter(stage.diary)
    assert done.keys() == {f"note {number}" for number in range(MESSAGES)}
    assert done.total() - MESSAGES <= len(LOST)  # at least once: only what was done and not heard of comes again
    assert worker.poll() is None and stage.depth().dead == 0
    assert {*door.fates} == {*Fate} - {Fate.DENIED}


def test_29_a_worker_bears_a_role_that_lacks_a_right_for_a_while(stage: StageOnSqs, door: FlappingDoor) -> None:
    door.plan = lambda number: Fate.DENIED
    worker = stage.worker()
    wait_for(lambda: stage.log.read_text().count("AccessDenied") > 2)
    silent = silence(stage.home)
    assert silent is None or silent > 0.5  # no sign of life meanwhile: where the right never comes, the worker is replaced
    door.plan = always_served
    stage.send("note", "done")
    wait_for(lambda: stage.diary == ["note done"] and stage.is_empty(), 60)
    assert worker.poll() is None and stage.depth().dead == 0


def test_29_a_worker_bears_a_queue_that_is_away(stage: StageOnSqs, door: FlappingDoor) -> None:
    door.shut()
    worker = stage.worker()
    wait_for(lambda: "messages wait" in stage.log.read_text())
    door.open()
    stage.send("wait", "go")
    wait_for(lambda: stage.diary == ["begun go"])
    door.shut()
    for number in range(5):
        stage.send("note", str(number))
    (stage.home / "go").touch()  # the task ends while nobody can be told
    wait_for(lambda: stage.diary == ["begun go", "done go"])
    begun = stage.log.stat().st_mtime
    wait_for(lambda: stage.log.stat().st_mtime - begun > OUTAGE, OUTAGE + 60)  # it says again and again that messages wait
    assert worker.poll() is None
    silent = silence(stage.home)
    assert silent is not None and silent > OUTAGE / 2  # the health check sees it, and bears it for longer than this
    door.open()
    wait_for(stage.is_empty, 120)
    assert Counter(stage.diary) == Counter(["begun go", "done go", *(f"note {number}" for number in range(5))])
    assert worker.poll() is None and stage.depth().dead == 0


def test_29_every_message_that_was_accepted_arrives(elasticmq: ElasticMq, stage: StageOnSqs, door: FlappingDoor) -> None:
    sender = elasticmq.queues(*QUEUES, deployment=stage.settings["DEPLOYMENT"], door=door.port)
    door.plan = flaps
    accepted = 0
    for number in range(MESSAGES):
        sender.send("note", queue=stage.queue, word=str(number))
        accepted += 1
    door.shut()
    with pytest.raises(Unavailable) as refused:
        sender.send("note", queue=stage.queue, word="refused")
    assert refused.value.retry_after
    door.open()
    door.plan = always_served
    stage.worker()
    wait_for(lambda: len({*stage.diary}) == accepted and stage.is_empty(), 120)
    assert {*stage.diary} == {f"note {number}" for number in range(accepted)}
    assert len(stage.diary) - accepted <= door.fates.count(Fate.UNANSWERED)
