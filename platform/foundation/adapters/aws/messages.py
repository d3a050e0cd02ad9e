"""Messages in SQS, as one process holds them: what SQS leaves open about receipts is settled here.

SQS may honour a receipt of an earlier delivery. Here a process holds a message until the visibility time that it last asked
for is over, by its own clock, which starts before the request does; from then on the receipt changes nothing. Nothing is
deleted but what this process received, and what it postponed or buried it cannot delete any more.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from foundation.adapters.aws import names
from foundation.adapters.aws.clients import answering, code_of
from foundation.adapters.aws.queue_shape import visibility
from foundation.errors import NotFound, Problem, Unavailable
from foundation.manifest import Queue
from foundation.messages import Malformed, Received, read

logger = logging.getLogger(__name__)

WHAT: Final = "the message queue"
BATCH: Final = 10  # messages in one request; SQS takes no more
LONGEST_HOLD: Final = 12 * 3600.0  # seconds; SQS hides a message no longer than that, counted from when it was received
MARGIN: Final = 60.0  # by which that is kept, as its clock is another
LARGEST: Final = 250_000  # bytes of a dead letter's body; with what is said about it, it must be below SQS's 256 KiB
REASON_LENGTH: Final = 500
MISSING: Final = ("QueueDoesNotExist", "NonExistentQueue")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """A message that this process holds: since when and until when, by the clock."""

    received: Received
    since: float
    until: float


def in_batches(some: Iterable[T]) -> Iterator[list[T]]:
    """At most so many at a time as SQS takes in one request."""
    everything = list(some)
    for begin in range(0, len(everything), BATCH):
        yield everything[begin : begin + BATCH]


class Messages:
    """Every verb over the messages of one deployment, for threads to share. `clock` counts seconds and never goes back."""

    def __init__(
        self, client: Any, deployment: str, queues: Iterable[Queue], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.client, self.deployment, self.clock = client, deployment, clock
        self.queues: Mapping[str, Queue] = {queue.name: queue for queue in queues}
        self.urls: dict[str, str] = {}
        self.held: dict[str, Held] = {}
        self.lock = threading.RLock()  # an extension must not undo a pause that another thread has just asked for

    def queue(self, name: str) -> Queue:
        """The queue of that name; NotFound tells which there are."""
        if name not in self.queues:
            raise NotFound(f"there is no queue {name}; there is {', '.join(self.queues) or 'none'} here")
        return self.queues[name]

    def url(self, queue: str, *, dead: bool = False) -> str:
        """Where SQS has the queue, or that of its dead letters. A Problem when the deployment lacks it."""
        name = (names.dead_queue_name if dead else names.queue_name)(self.deployment, self.queue(queue).name)
        if name not in self.urls:
            with answering(WHAT):
                try:
                    self.urls[name] = self.client.get_queue_url(QueueName=name)["QueueUrl"]
                except ClientError as refused:
                    if code_of(refused).endswith(MISSING):
                        raise Problem(f"SQS has no queue {name}; the deployment's data stack makes it") from refused
                    raise
        return self.urls[name]

    def visibility(self, queue: str) -> float:
        """Seconds for which a received message of the queue is hidden."""
        return visibility(self.queue(queue))

    def put(self, queue: str, body: str, *, delay: int = 0) -> None:
        """Keep a message that is visible in `delay` seconds. Durable on return."""
        url = self.url(queue)
        with answering(WHAT):
            self.client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)

    def receive(self, queue: str, most: int, wait: int = 0) -> list[Received]:
        """Up to `most` visible messages, hidden from others while they are held; waits up to `wait` seconds for the first."""
        url, begun = self.url(queue), self.clock()
        with answering(WHAT):
            answer = self.client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(most, BATCH),
                WaitTimeSeconds=wait,
                VisibilityTimeout=visibility(self.queue(queue)),
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        found = [
            Received(
                each["MessageId"],
                queue,
                each["Body"],
                int(each["Attributes"]["ApproximateReceiveCount"]),
                each["ReceiptHandle"],
            )
            for each in answer.get("Messages", ())
        ]
        until = begun + self.visibility(queue)
        with self.lock:
            self.held.update({each.receipt: Held(each, begun, until) for each in found})
        return found

    def dispose(self, acknowledged: Iterable[str] = (), returned: Iterable[tuple[str, float]] = ()) -> None:
        """Remove the messages of some receipts, and make others visible again in so many seconds.

        What is done is done: it is removed also when others may have received it meanwhile.
        """
        with self.lock:
            done = [self.held[receipt].received for receipt in acknowledged if receipt in self.held]
        for queue in {each.queue for each in done}:
            for some in in_batches(each for each in done if each.queue == queue):
                self._delete(queue, some)
        for receipt, seconds in returned:
            self.postpone(receipt, seconds)

    def extend(self, held: Iterable[Received]) -> None:
        """Hide messages for another visibility time, as this process is still at work on them, but never past LONGEST_HOLD."""
        with self.lock:
            moment = self.clock()
            mine = [each for each in (self.mine(received.receipt) for received in held) if each is not None]
            for queue in {each.received.queue for each in mine}:
                until = moment + self.visibility(queue)
                longest = until - LONGEST_HOLD + MARGIN
                for some in in_batches(e.received for e in mine if e.received.queue == queue and e.since > longest):
                    for receipt in self._hide(queue, some, visibility(self.queue(queue))):
                        self.held[receipt] = replace(self.held[receipt], until=until)

    def postpone(self, receipt: str, seconds: float) -> None:
        """Make the message visible in so many seconds, or when SQS hides it no longer."""
        with self.lock:
            mine = self.mine(receipt)
            if mine is not None:
                left = int(LONGEST_HOLD - MARGIN - (self.clock() - mine.since))
                self._hide(mine.received.queue, [mine.received], max(0, min(ceil(seconds), left)))
                del self.held[receipt]

    def bury(self, receipt: str, reason: str) -> None:
        """Make the message a dead letter, with the reason.

        A process that ends between the two requests of this leaves a dead letter and the message; so does the second's
        failure, unless the message is acknowledged later.
        """
        with self.lock:
            mine = self.mine(receipt)
            if mine is None:
                return
            received = mine.received
            body = received.body.encode()[:LARGEST].decode(errors="ignore")
            url = self.url(received.queue, dead=True)
            with answering(WHAT):
                self.client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=said(received, reason))
            try:
                self._delete(received.queue, [received])
            except Unavailable as refused:
                logger.warning("a dead letter is still in its queue %s: %s", received.queue, refused)

    def mine(self, receipt: str) -> Held | None:
        """What this process holds by that receipt; None, from then on, when its time was over before it was asked for."""
        with self.lock:
            held = self.held.get(receipt)
            if held is not None and held.until <= self.clock():
                del self.held[receipt]
                return None
            return held

    def _delete(self, queue: str, some: Sequence[Received]) -> None:
        url = self.url(queue)
        entries = [{"Id": str(place), "ReceiptHandle": each.receipt} for place, each in enumerate(some)]
        with answering(WHAT):
            answer = self.client.delete_message_batch(QueueUrl=url, Entries=entries)
        failed = {some[int(each["Id"])].receipt for each in answer.get("Failed", ()) if not each["SenderFault"]}
        with self.lock:
            for each in some:
                if each.receipt not in failed:
                    self.held.pop(each.receipt, None)
        if failed:
            raise Unavailable(f"{WHAT} did not remove {len(failed)} messages", retry_after=5)

    def _hide(self, queue: str, some: Sequence[Received], seconds: int) -> list[str]:
        """Have SQS hide messages for so many seconds from now; the receipts of those that it still took for ours."""
        url = self.url(queue)
        entries = [
            {"Id": str(place), "ReceiptHandle": each.receipt, "VisibilityTimeout": seconds} for place, each in enumerate(some)
        ]
        with answering(WHAT):
            answer = self.client.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        if any(not each["SenderFault"] for each in answer.get("Failed", ())):
            raise Unavailable(f"{WHAT} did not hide all messages", retry_after=5)
        return [some[int(each["Id"])].receipt for each in answer.get("Successful", ())]


def said(received: Received, reason: str) -> Mapping[str, Any]:
    """What is written on a dead letter beside its body, for whoever looks at the queue."""
    told = "".join(letter if letter.isprintable() else " " for letter in reason)[:REASON_LENGTH].strip()
    words = {"Reason": told or "no reason was given"}
    try:
        order = read(received.body)
    except Malformed:
        pass
    else:
        words |= {"Task": order.task or "?", "Ids": json.dumps(order.ids)[: REASON_LENGTH * 2]}
    return {
        "Deliveries": {"DataType": "Number", "StringValue": str(received.deliveries)},
        **{name: {"DataType": "String", "StringValue": value} for name, value in words.items()},
    }
