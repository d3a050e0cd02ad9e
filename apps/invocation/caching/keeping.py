"""Kept answers in the store, put there by a thread of its own and read under their application."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from apps.invocation.caching import meanings
from apps.invocation.caching.reading import memory
from apps.invocation.calls import Slot
from apps.invocation.invocations import Completion, StopReason
from apps.invocation.records import CachedAnswer
from foundation.adapters import records
from foundation.ambient import now
from foundation.errors import Problem
from foundation.grouped import Grouped
from foundation.records import ANY

KEEPABLE: Final = frozenset({StopReason.END, StopReason.STOP, StopReason.TOOLS})
LARGEST: Final = 300_000  # bytes of an answer: what a record can hold in every store


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is to be kept for so many seconds."""

    application: str
    slot: Slot
    seconds: int
    answer: Completion


def written(wanted: Sequence[Kept]) -> Sequence[None]:
    """Put answers into the store; one that cannot be put there is not kept, and stops no other."""
    for each in {(one.application, one.slot.place): one for one in wanted}.values():
        try:
            put(each, now())
        except (Problem, UnicodeEncodeError):
            continue
    return [None] * len(wanted)


def put(wanted: Kept, moment: datetime) -> None:
    """Put one into the store, and beside it what its request means."""
    content = msgspec.json.encode(wanted.answer).decode()
    if len(content) <= LARGEST:
        ends = moment + timedelta(seconds=wanted.seconds)
        records.put(CachedAnswer(wanted.application, wanted.slot.place, moment, ends, content), expect=ANY)
        memory.forget(wanted.application, wanted.slot.place)
        if wanted.slot.bucket:
            meanings.add(wanted.application, wanted.slot, ends)


writing: Final[Grouped[Kept, None]] = Grouped("caching", written)
