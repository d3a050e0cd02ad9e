"""What a message looks like on every queue: Celery's protocol 2, so that a sender does not need Celery.

https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from foundation.ambient import new_id, number_between

LONGEST_DELAY: Final = 900  # seconds; SQS has no more


@dataclass(frozen=True, slots=True)
class Order:
    """What a message asks for: this task, with these ids. `id` is the message's own."""

    id: str
    task: str
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """A message in the hands of a receiver, its text and how often it has been delivered by now.

    The receipt is what the receiver shows to dispose of it, and is good for this delivery alone.
    """

    id: str
    queue: str
    body: str
    deliveries: int
    receipt: str


def delay_after(seconds: float) -> int:
    """For how long a message waits whose work may go on in so many seconds: up to twice as long, so that not all that wait
    for the same ask at once."""
    return min(LONGEST_DELAY, ceil(seconds * number_between(1, 2)))


class Malformed(ValueError):
    """A text that is no message; says in what way."""


def written(task: str, ids: Mapping[str, str]) -> str:
    """The text of a message that has `task` called with `ids`."""
    name = new_id()
    body = base64.b64encode(json.dumps([[], dict(ids), {}]).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"lang": "py", "task": task, "id": name, "root_id": name, "parent_id": None, "group": None},
            "properties": {"correlation_id": name, "delivery_tag": name, "body_encoding": "base64", "delivery_info": {}},
        }
    )


def read(text: str) -> Order:
    """What the text of a message asks for; Malformed when it is none of ours."""
    try:
        raw = json.loads(text)
        arguments, ids, _ = json.loads(base64.b64decode(raw["body"], validate=True))
        name, task = raw["headers"]["id"], raw["headers"]["task"]
    except (ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise Malformed(f"it is not a message ({type(wrong).__name__})") from wrong
    if not isinstance(name, str) or not isinstance(task, str) or arguments != []:
        raise Malformed("it is not a message that names a task and its ids")
    return Order(name, task, _ids(ids))


def _ids(given: Any) -> Mapping[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Malformed("its ids are not all texts")
    return given
