"""How a queue of a manifest is made in SQS: one rule for the adapter, the templates and the tests."""

from typing import Final

from foundation.manifest import Queue

RETENTION: Final = 14 * 86_400  # seconds; SQS has no more
MARGIN: Final = 100  # deliveries after the attempts, to tell a message's owner of its end: SQS itself gives it up without a
# word. With the pauses between them they last for eight hours, in which no store should be away


def visibility(queue: Queue) -> int:
    """Seconds for which a received message is hidden from others."""
    return int(queue.visibility.total_seconds())


def most_deliveries(queue: Queue) -> int:
    """After how many deliveries SQS itself makes a message a dead letter, without a word to its owner."""
    return queue.attempts + MARGIN
