"""How Celery reaches the messages of this machine: a kombu transport over messages.Messages.

While a worker lives, what it works on stays hidden from others however long it takes: the transport extends the
visibility time of every message that it holds. When the worker is gone, the next look of any other makes them visible.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty
from typing import Any, Final

from kombu.transport import virtual

from foundation.adapters.embedded.messages import Messages, Received
from foundation.adapters.embedded.queues import store
from foundation.errors import Unavailable
from foundation.messages import Malformed, read
from foundation.settings import CHOSEN

logger = logging.getLogger(__name__)

GLANCE: Final = 0.02  # seconds between two looks for what others have sent; a look costs microseconds
ORPHANS: Final = 1.0  # seconds between two looks for what dead workers hold
PATIENCE: Final = 0.25  # seconds after which the worker may look whether it has to stop
RETURNED: Final = 5.0  # seconds until a message that a worker could not dispose of is tried again
REFUSED: Final = 1.0  # seconds between two tries while the file does not answer
UNREADABLE: Final = "no worker of this queue knows its task, or it is not a message of this platform"


class Lookout:
    """When it is worth asking for messages: something has changed, one has become visible, a worker has died."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.version, self.due, self.orphans = -1, 0.0, 0.0

    def is_time(self) -> bool:
        """Whether there may be a message now."""
        if time.monotonic() >= self.orphans:
            self.orphans = time.monotonic() + ORPHANS
            if self.messages.release_orphans():
                return True
        return self.messages.version() != self.version or self.messages.clock() >= self.due

    def rest(self, version: int, due: float | None) -> None:
        """There was none at that version of the file; the next is visible when it is `due`."""
        self.version, self.due = version, float("inf") if due is None else due

    def hurry(self) -> None:
        """Ask at the next look, whatever it shows."""
        self.version = -1


class Channel(virtual.Channel):
    """Receives, and disposes of what was received. Tasks end in other threads; the draining thread writes that down."""

    do_restore = False  # what this process still holds at its end is visible again because the process is gone

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self.messages = store(CHOSEN)
        self.lookout = Lookout(self.messages)
        self.held: dict[str, Received] = {}
        self.acknowledged: deque[str] = deque()
        self.returned: deque[str] = deque()
        self.unreadable: deque[tuple[str, str]] = deque()
        self.awake, self.settling = threading.Event(), threading.Lock()
        self.turn, self.extended = 0, time.monotonic()

    def drain_events(self, timeout: float | None = None, callback: Callable[[Any, str], None] | None = None) -> None:
        """Deliver what is visible, or wait for it a moment; TimeoutError when nothing came."""
        if not self._consumers and not self.closed:  # another channel of this connection may have some
            time.sleep(GLANCE)
            raise Empty
        deadline = time.monotonic() + min(timeout or PATIENCE, PATIENCE)
        while True:
            try:
                self.settle()
                found = self.look()
            except Unavailable as refused:
                logger.warning("messages wait: %s", refused)
                self.lookout.hurry()  # versions are a connection's own, and the next one is another
                time.sleep(REFUSED)
                raise TimeoutError from refused
            if found:
                return self.hand_out(found, callback or self.connection._deliver)
            if time.monotonic() >= deadline:
                raise TimeoutError
            self.awake.wait(GLANCE)

    def look(self) -> Sequence[Received]:
        """As many visible messages as this worker may take, beginning with another queue every time."""
        room = self.qos.can_consume_max_estimate() if self._active_queues else 0
        if room == 0 or not self.lookout.is_time():
            return ()
        self.turn = (self.turn + 1) % len(self._active_queues)
        queues = self._active_queues[self.turn :] + self._active_queues[: self.turn]
        version = self.messages.version()
        found = self.messages.receive(queues, room or 10)
        if not found:
            self.lookout.rest(version, self.messages.due(queues))
        return found

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
            self.messages.bury(*self.unreadable[0])
            self.held.pop(self.unreadable.popleft()[0], None)
        acknowledged, returned = list(self.acknowledged), list(self.returned)
        if acknowledged or returned:
            self.messages.dispose(acknowledged, [(receipt, RETURNED) for receipt in returned])
            for pending, done in ((self.acknowledged, acknowledged), (self.returned, returned)):
                for _ in done:
                    self.held.pop(pending.popleft(), None)
        if returned:
            self.lookout.hurry()

    def _extend(self) -> None:
        shortest = min((self.messages.queue(each.queue).visibility.total_seconds() for each in self.held.values()), default=0)
        if self.held and time.monotonic() - self.extended > shortest / 3:
            self.messages.extend(self.held.values())
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
            self.settle()

    def close(self) -> None:
        super().close()
        self.settle()

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        self.messages.put(queue, json.dumps(message))

    def _size(self, queue: str) -> int:
        return self.messages.depth(queue).waiting


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


class Transport(virtual.Transport):
    """The transport that Celery's broker_url names."""

    Channel = Channel
    polling_interval = None  # a channel waits by itself
    driver_type = driver_name = "sqlite"

    def driver_version(self) -> str:
        return "1"
