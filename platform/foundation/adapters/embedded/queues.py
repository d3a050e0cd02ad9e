"""Queues of this machine, and the facts by which Celery reaches them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from foundation import messages
from foundation.adapters.embedded.messages import DeadLetter, Messages
from foundation.errors import Invalid
from foundation.messages import LONGEST_DELAY
from foundation.ports import Broker, DeadMessage, Delivery, Depth
from foundation.records import Page, open_cursor, seal_cursor
from foundation.settings import HOUSE, Settings


def store(settings: Settings) -> Messages:
    """The messages of this machine, for the queues that code of this process may send to."""
    return Messages(settings.home / "queues.db", HOUSE.known_queues)


def adapter(settings: Settings) -> "SqliteQueues":
    """The queues of this machine."""
    return SqliteQueues(store(settings))


def deliveries(settings: Settings) -> "SqliteQueues":
    """What workers of this machine may do with messages."""
    return SqliteQueues(store(settings))


def broker(settings: Settings) -> Broker:
    """How Celery reaches the messages of this machine."""
    return Broker("sqlite://localhost", "foundation.adapters.embedded.transport:Transport", {})


class SqliteQueues:
    """The Queues and Deliveries ports on SQLite."""

    def __init__(self, store: Messages) -> None:
        self.store = store

    def send(self, task: str, *, queue: str, delay: int = 0, **ids: str) -> None:
        if not 0 <= delay <= LONGEST_DELAY:
            raise Invalid(f"delay ({delay}) must be from 0 to {LONGEST_DELAY} seconds")
        self.store.put(queue, messages.written(task, ids), delay=delay)

    def depth(self, queue: str) -> Depth:
        return self.store.depth(queue)

    def dead(self, queue: str, *, limit: int = 100, cursor: str | None = None) -> Page[DeadMessage]:
        scope = f"dead:{queue}"
        died, name = open_cursor(scope, cursor) if cursor else ("0", "")
        found = self.store.dead(queue, limit + 1, (float(died), name))
        last = found[limit - 1] if len(found) > limit else None
        more = seal_cursor(scope, (repr(last.died), last.id)) if last else None
        return Page(tuple(_shown(letter) for letter in found[:limit]), more)

    def redrive(self, queue: str, message: str | None = None) -> int:
        return self.store.redrive(queue, message)

    def of(self, properties: Mapping[str, Any]) -> Delivery:
        known = properties["delivery_info"]
        return Delivery(known["receipt"], known["deliveries"])

    def postpone(self, receipt: str, seconds: float) -> None:
        self.store.dispose(returned=[(receipt, seconds)])

    def bury(self, receipt: str, reason: str) -> None:
        self.store.bury(receipt, reason)


def _shown(letter: DeadLetter) -> DeadMessage:
    died = datetime.fromtimestamp(letter.died, UTC)
    try:
        order = messages.read(letter.body)
    except messages.Malformed:
        return DeadMessage(letter.id, letter.queue, "", {}, letter.deliveries, letter.reason, died)
    return DeadMessage(letter.id, letter.queue, order.task, order.ids, letter.deliveries, letter.reason, died)
