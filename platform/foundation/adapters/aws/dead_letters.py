"""The dead letters in SQS: listed without losing any, and sent again.

SQS has no way to read a queue in order, or without receiving. So a look receives what there is, up to LOOKED_AT, hides it
from other lookers meanwhile, sorts it, and makes it visible again. Two that look at once each see a part.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from foundation import messages
from foundation.adapters.aws.clients import answering
from foundation.adapters.aws.messages import BATCH, WHAT, Messages, in_batches
from foundation.adapters.aws.queue_shape import most_deliveries
from foundation.errors import Unavailable
from foundation.ports import DeadMessage

LOOKED_AT: Final = 1000  # dead letters of one queue at a time
HIDDEN: Final = 60  # seconds for which they are hidden from others while they are looked at, at most
SPENT: Final = "its worker ended at each of {deliveries} deliveries, the last attempt to bury it included; SQS gave it up"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter in the hands of whoever looks at it."""

    receipt: str
    body: str
    shown: DeadMessage


class DeadLetters:
    """What can be done with the dead letters of the queues of `messages`."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def all(self, queue: str) -> list[DeadMessage]:
        """What there is, oldest first, at most LOOKED_AT."""
        with self.taken(queue) as letters:
            return [letter.shown for letter in letters]

    def redrive(self, queue: str, message: str | None = None) -> int:
        """Send one dead letter, or all, as new; the number moved. Interrupted, it may send one again."""
        moved = 0
        while True:
            with self.taken(queue) as letters:
                found = len(letters)
                for some in in_batches(letter for letter in letters if message in (None, letter.shown.id)):
                    moved += self._moved(queue, some)
            if found < LOOKED_AT or message is not None:
                return moved

    @contextmanager
    def taken(self, queue: str) -> Iterator[list[Letter]]:
        """The dead letters for the length of the block, oldest first; those that are still there are visible after it."""
        letters: dict[str, Letter] = {}
        try:
            while len(letters) < LOOKED_AT:
                some = self._received(queue)
                letters.update({letter.shown.id: letter for letter in some})
                if not some:
                    break
            yield sorted(letters.values(), key=lambda letter: (letter.shown.died, letter.shown.id))
        finally:
            with suppress(Unavailable):  # then they are visible when their time is over
                self._release(queue, letters.values())

    def _received(self, queue: str) -> list[Letter]:
        url = self.messages.url(queue, dead=True)
        with answering(WHAT):
            answer = self.messages.client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=1,  # without waiting, SQS asks only some of its servers
                VisibilityTimeout=HIDDEN,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return [Letter(each["ReceiptHandle"], each["Body"], self._shown(queue, each)) for each in answer.get("Messages", ())]

    def _shown(self, queue: str, found: Mapping[str, Any]) -> DeadMessage:
        """A dead letter as the port has it. One without a reason was moved by SQS itself, and `died` is when it was sent."""
        written = {name: str(each["StringValue"]) for name, each in found.get("MessageAttributes", {}).items()}
        died = datetime.fromtimestamp(int(found["Attributes"]["SentTimestamp"]) / 1000, UTC)
        deliveries = int(written.get("Deliveries", most_deliveries(self.messages.queue(queue))))
        reason = written.get("Reason") or SPENT.format(deliveries=deliveries)
        try:
            order = messages.read(found["Body"])
        except messages.Malformed:
            order = messages.Order("", "", {})
        return DeadMessage(found["MessageId"], queue, order.task, order.ids, deliveries, reason, died)

    def _moved(self, queue: str, some: Sequence[Letter]) -> int:
        """Send and delete up to a batch; the number of those that were sent."""
        sent = [{"Id": str(place), "MessageBody": letter.body} for place, letter in enumerate(some)]
        own, dead = self.messages.url(queue), self.messages.url(queue, dead=True)
        with answering(WHAT):
            answer = self.messages.client.send_message_batch(QueueUrl=own, Entries=sent)
            good = [some[int(each["Id"])] for each in answer.get("Successful", ())]
            if good:
                gone = [{"Id": str(place), "ReceiptHandle": letter.receipt} for place, letter in enumerate(good)]
                self.messages.client.delete_message_batch(QueueUrl=dead, Entries=gone)
        return len(good)

    def _release(self, queue: str, letters: Iterable[Letter]) -> None:
        """Make visible what is still there; for a letter that was deleted SQS answers that it is not."""
        url = self.messages.url(queue, dead=True)
        for some in in_batches(letters):
            entries = [
                {"Id": str(place), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0} for place, letter in enumerate(some)
            ]
            with answering(WHAT):
                self.messages.client.change_message_visibility_batch(QueueUrl=url, Entries=entries)
