"""How a worker receives: the part of a kombu transport that is alike on every platform, over the platform's own messages.

While a worker lives, what it works on stays hidden from others however long it takes: the visibility time of every message
that it holds is extended. An adapter adds where the messages are, and how to look for them.
"""

import json
import logging
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import Empty
from typing import Any, Final, Protocol

from kombu.transport import virtual

from foundation.errors import Problem
from foundation.messages import Malformed, Received, read
from foundation.pulse import Pulse
from foundation.settings import CHOSEN

logger = logging.getLogger(__name__)

GLANCE: Final = 0.02  # seconds between two looks, where a look does not itself wait
PATIENCE: Final = 0.25  # seconds after which the worker may look whether it has to stop
RETURNED: Final = 5.0  # seconds until a message that a worker could not dispose of is tried again
REFUSED: Final = 1.0  # seconds between two tries while the messages do not answer
UNREADABLE: Final = "no worker of this queue knows its task, or it is not a message of this platform"


class Mailbox(Protocol):
    """Where messages are. Every verb raises Unavailable when it does not answer; a stale receipt changes nothing."""

    def visibility(self, queue: str) -> float:
        """Seconds for which a received message is hidden."""

    def put(self, queue: str, body: str) -> object:
        """Keep a message."""

    def dispose(self, acknowledged: Iterable[str] = (), returned: Iterable[tuple[str, float]] = ()) -> None:
        """Remove the messages of some receipts, and make others visible again in so many seconds."""

    def extend(self, held: Iterable[Received]) -> None:
        """Hide messages for another visibility time."""

    def bury(self, receipt: str, reason: str) -> None:
        """Make the message a dead letter."""


class Channel(virtual.Channel):
    """Receives, and disposes of what was received. Tasks end in other threads; the draining thread writes that down."""

    do_restore = False  # what this process still holds at its end becomes visible again without it

    def __init__(self, connection: Any, mailbox: Mailbox, **options: Any) -> None:
        super().__init__(connection, **options)
        self.mailbox = mailbox
        self.held: dict[str, Received] = {}
        self.acknowledged: deque[str] = deque()
        self.returned: deque[str] = deque()
        self.unreadable: deque[tuple[str, str]] = deque()
        self.awake, self.settling = threading.Event(), threading.Lock()
        self.turn, self.extended = 0, time.monotonic()
        self.pulse = Pulse(CHOSEN.home)

    @abstractmethod
    def look(self, queues: Sequence[str], room: int) -> Sequence[Received]:
        """Up to `room` visible messages of these queues, the first of which is another one every time."""

    def hurry(self) -> None:
        """There may be messages, whatever was found last."""

    def drain_events(self, timeout: float | None = None, callback: Callable[[Any, str], None] | None = None) -> None:
        """Deliver what is visible, or wait for it a moment; TimeoutError when nothing came."""
        if not self._consumers and not self.closed:  # another channel of this connection may have some
            time.sleep(GLANCE)
            raise Empty
        deadline = time.monotonic() + min(timeout or PATIENCE, PATIENCE)
        while True:
            try:
                self.settle()
                found = self.found()
            except Problem as refused:
                logger.log(logging.WARNING if refused.retryable else logging.ERROR, "messages wait: %s", refused)
                self.hurry()
                time.sleep(REFUSED)
                raise TimeoutError from refused
            self.pulse.beat()
            if found:
                return self.hand_out(found, callback or self.connection._deliver)
            if time.monotonic() >= deadline:
                raise TimeoutError
            self.awake.wait(GLANCE)

    def found(self) -> Sequence[Received]:
        """As many visible messages as this worker may take."""
        room = self.qos.can_consume_max_estimate() if self._active_queues else 0
        if room == 0:
            return ()
        self.turn = (self.turn + 1) % len(self._active_queues)
        return self.look(self._active_queues[self.turn :] + self._active_queues[: self.turn], room or 10)

    def hand_out(self, found: Sequence[Received], callback: Callable[[Any, str], None]) -> None:
        """Give messages to Celery; what is no message of ours becomes a dead letter."""
        for received in found:
            self.held[received.receipt] = received
            try:
                raw = envelope(received)
            except Malformed as wrong:
                self.unreadable.append((received.receipt, str(wrong)))
                continue
            callback(raw, received.queue)

    def settle(self) -> None:
        """Write down what has ended since the last time, and keep what is still worked on hidden."""
        self.awake.clear()
        with self.settling:
            self._dispose()
            self._extend()

    def _dispose(self) -> None:
        while self.unreadable:
            self.mailbox.bury(*self.unreadable[0])
            self.held.pop(self.unreadable.popleft()[0], None)
        acknowledged, returned = list(self.acknowledged), list(self.returned)
        if acknowledged or returned:
            self.mailbox.dispose(acknowledged, [(receipt, RETURNED) for receipt in returned])
            for pending, done in ((self.acknowledged, acknowledged), (self.returned, returned)):
                for _ in done:
                    self.held.pop(pending.popleft(), None)
        if returned:
            self.hurry()

    def _extend(self) -> None:
        held = list(self.held.values())
        shortest = min((self.mailbox.visibility(each.queue) for each in held), default=0)
        if held and time.monotonic() - self.extended > shortest / 3:
            self.mailbox.extend(held)
            self.extended = time.monotonic()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag)
        self._ended(self.acknowledged, delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().basic_ack(delivery_tag)
        self._ended(*(self.returned, delivery_tag) if requeue else (self.unreadable, (delivery_tag, UNREADABLE)))

    def _ended(self, pending: "deque[Any]", entry: Any) -> None:
        pending.append(entry)
        self.awake.set()
        if self.closed:  # nobody drains any more: the worker is stopping and its last tasks end
            self.try_to_settle()

    def close(self) -> None:
        super().close()
        self.try_to_settle()

    def try_to_settle(self) -> None:
        """Settle, unless the messages do not answer: then the draining thread tries again, or they are delivered again."""
        try:
            self.settle()
        except Problem as refused:
            logger.warning("what has ended is not yet written down: %s", refused)

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        self.mailbox.put(queue, json.dumps(message))

    def _size(self, queue: str) -> int:
        return 0  # nobody asks but the declaration of a queue, which has no use for it


def envelope(received: Received) -> dict[str, Any]:
    """A received message as kombu has it: nothing but its id, task and ids comes from the sender. Malformed for others."""
    order = read(received.body)
    delivery = {"exchange": "", "routing_key": received.queue, "receipt": received.receipt, "deliveries": received.deliveries}
    return {
        "body": json.dumps([[], dict(order.ids), {}]),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": order.task, "id": order.id},
        "properties": {
            "delivery_tag": received.receipt,
            "delivery_info": delivery,
            "body_encoding": "utf-8",
            "correlation_id": order.id,
        },
    }
