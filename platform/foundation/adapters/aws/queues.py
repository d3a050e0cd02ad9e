"""Queues in SQS, and the facts by which Celery reaches them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from foundation import messages
from foundation.adapters.aws.clients import answering, client
from foundation.adapters.aws.dead_letters import DeadLetters
from foundation.adapters.aws.messages import WHAT, Messages
from foundation.errors import Invalid
from foundation.messages import LONGEST_DELAY
from foundation.ports import Broker, DeadMessage, Delivery, Depth
from foundation.records import Page, open_cursor, seal_cursor
from foundation.settings import CHOSEN, HOUSE, Settings

COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@cache
def own() -> Messages:
    """The messages of this process's deployment: one for all, as it knows what the process holds."""
    return Messages(client("sqs", CHOSEN), CHOSEN.deployment, HOUSE.known_queues)


def adapter(settings: Settings) -> "SqsQueues":
    """The queues of this deployment."""
    return SqsQueues(own())


def deliveries(settings: Settings) -> "SqsQueues":
    """What workers of this process may do with messages."""
    return SqsQueues(own())


def broker(settings: Settings) -> Broker:
    """How Celery reaches SQS."""
    return Broker("sqs://localhost", "foundation.adapters.aws.transport:Transport", {})


class SqsQueues:
    """The Queues and Deliveries ports on SQS."""

    def __init__(self, messages: Messages) -> None:
        self.messages, self.letters = messages, DeadLetters(messages)

    def send(self, task: str, *, queue: str, delay: int = 0, **ids: str) -> None:
        if not 0 <= delay <= LONGEST_DELAY:
            raise Invalid(f"delay ({delay}) must be from 0 to {LONGEST_DELAY} seconds")
        self.messages.put(queue, messages.written(task, ids), delay=delay)

    def depth(self, queue: str) -> Depth:
        waiting, in_flight, delayed = self._counts(self.messages.url(queue))
        return Depth(waiting, in_flight, delayed, sum(self._counts(self.messages.url(queue, dead=True))))

    def _counts(self, url: str) -> tuple[int, ...]:
        with answering(WHAT):
            found = self.messages.client.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
        return tuple(int(found[name]) for name in COUNTS)

    def dead(self, queue: str, *, limit: int = 100, cursor: str | None = None) -> Page[DeadMessage]:
        scope = f"dead:{queue}"
        died, name = open_cursor(scope, cursor) if cursor else ("0", "")
        after = (datetime.fromtimestamp(float(died), UTC), name)
        found = [letter for letter in self.letters.all(queue) if (letter.died, letter.id) > after]
        last = found[limit - 1] if len(found) > limit else None
        more = seal_cursor(scope, (repr(last.died.timestamp()), last.id)) if last else None
        return Page(tuple(found[:limit]), more)

    def redrive(self, queue: str, message: str | None = None) -> int:
        return self.letters.redrive(queue, message)

    def of(self, properties: Mapping[str, Any]) -> Delivery:
        known = properties["delivery_info"]
        return Delivery(known["receipt"], known["deliveries"])

    def postpone(self, receipt: str, seconds: float) -> None:
        self.messages.postpone(receipt, seconds)

    def bury(self, receipt: str, reason: str) -> None:
        self.messages.bury(receipt, reason)
