"""What the adapter of queues asks of SQS lies inside the role of who asks, and uses all of it."""

from typing import Any

import pytest

from deploy.cloudformation.grants import grants
from deploy.cloudformation.house import Process
from foundation.adapters.aws.queues import SqsQueues
from foundation.manifest import Queue, minutes
from tests.deploy.reading import PLATFORM, said
from tests.servers.elasticmq import ElasticMq

WORKER = PLATFORM.workers[0]
assert WORKER.queue is not None
NAME = WORKER.queue.name
SERVICE = next(each for each in PLATFORM.services if each.capability is WORKER.capability)
PORTAL = next(each for each in PLATFORM.services if each.name == "portal")


class Asked:
    """An adapter, and the pairs of action and queue that it has asked of SQS."""

    def __init__(self, server: ElasticMq) -> None:
        self.queues: SqsQueues = server.queues(Queue(NAME, minutes(1), 3))
        self.pairs: set[tuple[str, str]] = set()
        self.queues.messages.client.meta.events.register("provide-client-params.sqs.*", self.note)

    def note(self, params: dict[str, Any], model: Any, **others: object) -> None:
        name = params["QueueName"] if "QueueName" in params else params["QueueUrl"].rpartition("/")[2]
        action = model.name.removesuffix("Batch")
        self.pairs.add((f"sqs:{action}", name.removeprefix(f"{self.queues.messages.deployment}-")))

    def received(self) -> str:
        """The receipt of a message that was just sent and received."""
        self.queues.send("cut", queue=NAME, file="a")
        return self.queues.messages.receive(NAME, 1)[0].receipt


@pytest.fixture
def asked(elasticmq: ElasticMq) -> Asked:
    return Asked(elasticmq)


def allowed(process: Process) -> set[tuple[str, str]]:
    """The pairs of action and queue that a role has for this queue and its dead letters."""
    pairs = {(grant.action, said(grant.resource).rpartition(":d-")[2]) for grant in grants(PLATFORM, process)}
    return {(action, name) for action, name in pairs if name in (NAME, f"{NAME}-dead")}


def test_who_sends_needs_what_a_service_may(asked: Asked) -> None:
    asked.queues.send("cut", queue=NAME, file="a")
    assert asked.pairs == allowed(SERVICE)


def test_who_looks_needs_what_the_portal_may(asked: Asked) -> None:
    asked.queues.depth(NAME)
    assert asked.pairs == allowed(PORTAL)


def test_who_works_needs_what_a_worker_may(asked: Asked) -> None:
    asked.queues.messages.dispose([asked.received()])
    asked.queues.postpone(asked.received(), 0)
    asked.queues.bury(asked.received(), "broken")
    assert asked.pairs == allowed(WORKER)


def test_who_redrives_needs_what_operations_may(asked: Asked) -> None:
    asked.queues.bury(asked.received(), "broken")
    asked.pairs.clear()
    asked.queues.messages.urls.clear()
    asked.queues.depth(NAME)
    assert len(asked.queues.dead(NAME).items) == 1
    assert asked.queues.redrive(NAME) == 1
    assert asked.pairs == allowed(PLATFORM.operations)
