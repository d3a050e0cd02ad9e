"""Answers as they are kept: in memory at once, in the store by a thread of its own."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
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
from foundation.grouped import Full, Grouped
from foundation.records import ANY

KEEPABLE: Final = frozenset({StopReason.END, StopReason.STOP, StopReason.TOOLS})
ENCODER: Final = msgspec.json.Encoder()
LARGEST: Final = 300_000  # bytes of an answer: what a record can hold in every store


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is to be kept, and the slot for it."""

    row: CachedAnswer
    slot: Slot


def keep(application: str, slot: Slot, seconds: int, answer: Completion) -> None:
    """Keep an answer for so many seconds: in this process at once, in the store soon. One that no record can hold is not kept,
    and where too many wait for the store, nor is it there."""
    with suppress(UnicodeEncodeError, Full):
        content = ENCODER.encode(answer).decode()
        if len(content) <= LARGEST:
            moment = now()
            row = CachedAnswer(application, slot.place, moment, moment + timedelta(seconds=seconds), content)
            memory.put(row, answer)
            writing.later(Kept(row, slot))


def written(wanted: Sequence[Kept]) -> Sequence[None]:
    """Put answers into the store, and beside each what its request means; one that cannot be put there stops no other."""
    for each in {(one.row.application, one.row.place): one for one in wanted}.values():
        with suppress(Problem):
            records.put(each.row, expect=ANY)
            if each.slot.bucket:
                meanings.add(each.row.application, each.slot, each.row.expires)
    return [None] * len(wanted)


writing: Final[Grouped[Kept, None]] = Grouped("caching", written)
