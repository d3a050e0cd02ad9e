"""What was noted in the journal becomes records: a row for each call, the sums of its day, and the end of its reservation."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from apps.usage.records import Content, DayUsage, Invocation, Outcome, reservation, used
from apps.usage.segments import LARGEST_PAYLOAD
from foundation.adapters import limits, records
from foundation.ambient import now
from foundation.errors import Conflict, Denied, Problem
from foundation.ports import Settlement
from foundation.records import composed
from foundation.settings import CHOSEN

KEPT: Final = timedelta(days=CHOSEN.usage_days)


class Entry(Struct, frozen=True, omit_defaults=True, array_like=True):
    """A call as the journal has it. reserved: what admission held back for it, kind by key. content: what was said.

    repeats: the same call may be noted again, by a worker that gets its message twice, and counts once all the same.
    """

    row: Invocation
    reserved: Mapping[str, str] = {}
    content: Content | None = None
    repeats: bool = False


ENCODER: Final = msgspec.msgpack.Encoder()
DECODER: Final = msgspec.msgpack.Decoder(Entry)


def encoded(entry: Entry) -> bytes:
    """The bytes of an entry. What its caller wrote is left out where it is too long, or no text that can be stored."""
    try:
        payload = ENCODER.encode(entry)
    except UnicodeEncodeError:
        payload = b""
    if payload and len(payload) <= LARGEST_PAYLOAD:
        return payload
    return ENCODER.encode(Entry(replace(entry.row, labels={}, prompt=""), entry.reserved, None, entry.repeats))


def until() -> datetime:
    """How long stays on the account what comes on it now."""
    return now() + KEPT


class Day(NamedTuple):
    """Which sums a call counts in."""

    application: str
    day: str
    model_name: str
    served_by: str


Summed: TypeAlias = Mapping[Day, tuple[Invocation, dict[str, int]]]
"""The sums of calls by what they count in, each with the first of its calls."""


def day_of(row: Invocation) -> Day:
    """The sums that a call counts in."""
    return Day(row.application, row.created.astimezone(UTC).date().isoformat(), row.model_name, row.served_by)


def post(entries: Sequence[Entry], token: str) -> None:
    """Put calls on the account. A repeat with the same calls and the same token changes nothing.

    Raises Unavailable when a store does not answer; then some of it may be there already. Invalid for names that no store
    takes; then nothing is counted.
    """
    once = summed(entry.row for entry in entries if not entry.repeats)
    repeated = [entry.row for entry in entries if entry.repeats]
    for day in (*once, *map(day_of, repeated)):
        composed(day)  # what cannot be a key is found before anything is counted
    records.add([*[entry.row for entry in entries], *[entry.content for entry in entries if entry.content is not None]])
    count(once, token)
    for row in repeated:
        count(summed([kept(row)]), row.invocation)
    settle([entry for entry in entries if entry.reserved])


def settle(entries: Sequence[Entry]) -> None:
    """End the reservations of calls. Most have ended by then; those remain whose process died, or whose settling the store
    of limits did not take. A repeat changes nothing."""
    if entries:
        rows = [(entry.row, entry.reserved) for entry in entries]
        limits.settle([Settlement(reservation(row.application, row.invocation), used(row, reserved)) for row, reserved in rows])


def count(days: Summed, token: str) -> None:
    """Add the sums of calls to those of their days, once for each token."""
    for day, (first, sums) in days.items():
        initial = DayUsage(*day, first.model_id, until=until())
        records.increment(DayUsage, *day, by=sums, once=token, initial=initial)


def kept(row: Invocation) -> Invocation:
    """The call as it is on the account, which is what its sums say too: of two workers at once the first."""
    return records.get(Invocation, row.application, row.invocation) or row


def summed(rows: Iterable[Invocation]) -> Summed:
    """The sums of calls by what they count in, each with the first of its calls."""
    days: dict[Day, list[Invocation]] = {}
    for row in rows:
        days.setdefault(day_of(row), []).append(row)
    return {day: (same[0], sums_of(same)) for day, same in days.items()}


def sums_of(rows: Sequence[Invocation]) -> dict[str, int]:
    """What calls come to together."""
    succeeded = [row.status for row in rows].count(Outcome.SUCCESS)
    return {
        "succeeded": succeeded,
        "failed": len(rows) - succeeded,
        "input_tokens": sum([row.input_tokens for row in rows]),
        "output_tokens": sum([row.output_tokens for row in rows]),
        "latency_ms": sum([row.latency_ms for row in rows]),
        "cached_tokens": sum([row.cached_tokens for row in rows]),
        "cache_hits": sum([bool(row.cache) for row in rows]),
        "cost": sum([row.cost or 0 for row in rows]),
    }


def is_passing(failed: Exception) -> bool:
    """Whether a repeat may work: a store that does not answer, or that refuses the platform, unlike a row that it refuses."""
    if isinstance(failed, Problem):
        return failed.retryable or isinstance(failed, Conflict | Denied)
    return isinstance(failed, OSError)
