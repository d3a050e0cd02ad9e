"""Kept answers as they are read: under their application, and no older than its policy now says.

What was read or kept lately is also in memory: an answer that is asked for often costs no read each time, and who asks again
at once gets it before it is in the store.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.invocation.calls import Call
from apps.invocation.invocations import Completion
from apps.invocation.records import CachedAnswer
from foundation.adapters import records
from foundation.ambient import now

FRESH: Final = 5.0  # seconds for which what was read is good
LARGEST: Final = 8_000_000  # characters of answers in memory


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to give again, and when it was new."""

    answer: Completion
    created: datetime


class Memory:
    """Answers read or kept in the last 5 seconds, the latest last; never more than 8 million characters of them."""

    def __init__(self) -> None:
        self.held: OrderedDict[tuple[str, str], tuple[float, int, Given]] = OrderedDict()
        self.size = 0
        self.lock = threading.Lock()

    def get(self, application: str, place: str) -> Given | None:
        """The answer, if it is here."""
        found = self.held.get((application, place))
        return found[2] if found is not None and time.monotonic() - found[0] < FRESH else None

    def put(self, row: CachedAnswer, answer: Completion) -> Given:
        """Hold what a record has, and give it."""
        given = Given(answer, row.created)
        self.forget(row.application, row.place)
        with self.lock:
            self.held[row.application, row.place] = (time.monotonic(), len(row.content), given)
            self.size += len(row.content)
            while self.size > LARGEST:
                self.size -= self.held.popitem(last=False)[1][1]
        return given

    def forget(self, application: str, place: str) -> None:
        """Read it anew the next time."""
        with self.lock:
            gone = self.held.pop((application, place), None)
            self.size -= gone[1] if gone is not None else 0


memory: Final = Memory()


def in_memory(call: Call, place: str) -> Given | None:
    """The answer at a place, if it was read or kept lately and is not too old."""
    return young(call, memory.get(call.caller.application, place))


def in_store(call: Call, place: str) -> Given | None:
    """The answer at a place, if there is one and it is not too old. It waits for the store."""
    found = records.get(CachedAnswer, call.caller.application, place)
    return young(call, None if found is None else memory.put(found, found.completion))


def young(call: Call, given: Given | None) -> Given | None:
    """The answer, if it is no older than the application's policy says."""
    oldest = now() - timedelta(seconds=call.policy.caching.seconds)
    return given if given is not None and given.created > oldest else None
