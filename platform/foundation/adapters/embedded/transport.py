"""How Celery reaches the messages of this machine: a kombu transport over messages.Messages.

When a worker is gone, the next look of any other makes what it held visible.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from kombu.transport import virtual

from foundation import receiving
from foundation.adapters.embedded.messages import Messages
from foundation.adapters.embedded.queues import store
from foundation.messages import Received
from foundation.settings import CHOSEN

ORPHANS: Final = 1.0  # seconds between two looks for what dead workers hold


class Lookout:
    """When it is worth asking for messages: something has changed, one has become visible, a worker has died.

    A look costs microseconds, so what others have sent is found without their telling.
    """

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


class Channel(receiving.Channel):
    """Looks into the file, and only when something may have come."""

    def __init__(self, connection: Any, **options: Any) -> None:
        self.messages = store(CHOSEN)
        self.lookout = Lookout(self.messages)
        super().__init__(connection, self.messages, **options)

    def look(self, queues: Sequence[str], room: int) -> Sequence[Received]:
        """As many as there are, up to `room`, from all queues."""
        if not self.lookout.is_time():
            return ()
        version = self.messages.version()
        found = self.messages.receive(queues, room)
        if not found:
            self.lookout.rest(version, self.messages.due(queues))
        return found

    def hurry(self) -> None:
        """After a failure too: versions are a connection's own, and the next one is another."""
        self.lookout.hurry()


class Transport(virtual.Transport):
    """The transport that Celery's broker_url names."""

    Channel = Channel
    polling_interval = None  # a channel waits by itself
    driver_type = driver_name = "sqlite"

    def driver_version(self) -> str:
        return "1"
