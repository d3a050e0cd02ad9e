"""Delivers the messages of one application in this process, as a worker does: to their tasks, by the rules of every queue."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from foundation import messages
from foundation.adapters.embedded.messages import Messages
from foundation.celery import ATTEMPTS, app
from foundation.messages import Order, Received
from foundation.receiving import envelope
from foundation.settings import CHOSEN, HOUSE

LATER: Final = 1000.0  # seconds: whatever was delayed or postponed is due by then
app.loader.import_default_modules()  # the tasks of every capability


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the hands of a worker, and what it asks for."""

    received: Received
    order: Order

    def work(self, count: int | None = None) -> None:
        """Do what a worker does with it, as if it were delivered for the `count`th time."""
        raw = envelope(self.received if count is None else replace(self.received, deliveries=count))
        task = app.tasks[self.order.task]
        task.push_request(properties=raw["properties"])
        try:
            task.run(**self.order.ids)
        finally:
            task.pop_request()

    def give_up(self) -> None:
        """Deliver it once more than its attempts."""
        self.work(ATTEMPTS[self.received.queue] + 1)


def queue() -> Messages:
    """The messages of this process, of a time when nothing is delayed any more."""
    return Messages(CHOSEN.home / "queues.db", HOUSE.known_queues, lambda: time.time() + LATER)


def awaiting(application: str, name: str) -> tuple[int, int]:
    """How many messages of an application in a queue can be received now, and how many later. Those of others come due at any
    moment, so the depth of the whole queue says nothing about what a test did."""
    found = queue().safe.connection().execute("select body, visible from messages where queue = ?", (name,)).fetchall()
    own = [visible > time.time() for body, visible in found if messages.read(body).ids.get("application") == application]
    return len(own) - sum(own), sum(own)


@contextmanager
def received(application: str, name: str) -> Iterator[list[Delivery]]:
    """The messages of an application in a queue, the oldest first; those of others are let go again. What is not buried or
    postponed in the block is done after it."""
    store = queue()
    found = [Delivery(each, messages.read(each.body)) for each in store.receive([name], 100_000)]
    own = [each for each in found if each.order.ids.get("application") == application]
    store.dispose(returned=[(each.received.receipt, -LATER) for each in found if each not in own])
    yield own
    store.dispose(acknowledged=[each.received.receipt for each in own])


def deliver_all(application: str, *names: str, act: Callable[[Delivery], None] = Delivery.work) -> None:
    """Deliver every message of an application in these queues, and those that come of them, the newest first, until there
    are none."""
    while True:
        done = 0
        for name in names:
            with received(application, name) as deliveries:
                done += len(deliveries)
                for each in reversed(deliveries):  # there is no promise of an order
                    act(each)
        if not done:
            return


def redrive(application: str, *names: str) -> int:
    """Put back the dead letters of an application; their number."""
    moved, store = 0, queue()
    for name in names:
        for letter in store.dead(name, 100_000):
            if messages.read(letter.body).ids.get("application") == application:
                moved += store.redrive(name, letter.id)
    return moved
