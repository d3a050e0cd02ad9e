"""How Celery reaches SQS: a kombu transport over messages.Messages, by long polls in the thread that Celery drains with.

It is in place of kombu's own for SQS, which asks by pycurl in an event loop: there a 503 or a lost connection ends the worker
or its polling for good, and nothing extends the visibility time of what is worked on. When a worker is gone, what it held is
visible again after the visibility time of its queue.
"""

from collections.abc import Sequence
from typing import Any, Final

from kombu.transport import virtual

from foundation import receiving
from foundation.adapters.aws.clients import READ_SECONDS
from foundation.adapters.aws.queues import own
from foundation.messages import Received

LONGEST_POLL: Final = READ_SECONDS - 2  # seconds


class Channel(receiving.Channel):
    """Asks one queue after the other. The thread in which a task ends deletes its message: the draining one may be waiting."""

    def __init__(self, connection: Any, **options: Any) -> None:
        self.messages = own()
        super().__init__(connection, self.messages, **options)

    def look(self, queues: Sequence[str], room: int) -> Sequence[Received]:
        """Up to `room` messages of the first queue; waits for them, but not so long that others wait or holds run out."""
        shortest = min(self.messages.visibility(queue) for queue in queues)
        wait = max(1, int(min(LONGEST_POLL, shortest / 3) / len(queues)))
        return self.messages.receive(queues[0], room, wait)

    def _ended(self, pending: Any, entry: Any) -> None:
        super()._ended(pending, entry)
        self.try_to_settle()


class Transport(virtual.Transport):
    """The transport that Celery's broker_url names."""

    Channel = Channel
    polling_interval = None  # a channel waits by itself
    driver_type = driver_name = "sqs"

    def driver_version(self) -> str:
        return "1"
