"""Every use case of usage. Whoever calls a model records it here; whoever accounts for it reads here."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Final

from apps.usage.records import DayUsage, Invocation, Outcome
from foundation.adapters import records
from foundation.records import ANY, MAXIMUM_PAGE, Page

BEGINNING: Final = date(2000, 1, 1)
END: Final = date(9999, 12, 31)
COUNTED: Final = {Outcome.SUCCESS: "succeeded", Outcome.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """All calls to one model in a span of days."""

    model_id: str
    model_name: str
    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def calls(self) -> int:
        """All of them, whatever their end."""
        return self.succeeded + self.failed

    def plus(self, day: DayUsage) -> "ModelTotals":
        """With one more day."""
        return replace(
            self,
            succeeded=self.succeeded + day.succeeded,
            failed=self.failed + day.failed,
            input_tokens=self.input_tokens + day.input_tokens,
            output_tokens=self.output_tokens + day.output_tokens,
        )


async def note(invocation: Invocation) -> None:
    """Put a call on the account: durable on this machine when it returns, in the store soon after."""
    await asyncio.to_thread(record, invocation)


def record(invocation: Invocation) -> None:
    """Put a call on the account. A repeat with the same invocation id changes no sum."""
    records.put(invocation, expect=ANY)
    day = DayUsage(
        invocation.application,
        invocation.created.astimezone(UTC).date().isoformat(),
        invocation.model_name,
        invocation.served_by,
        invocation.model_id,
    )
    records.increment(
        DayUsage,
        day.application,
        day.day,
        day.model_name,
        day.served_by,
        by={
            COUNTED[invocation.status]: 1,
            "input_tokens": invocation.input_tokens,
            "output_tokens": invocation.output_tokens,
            "latency_ms": invocation.latency_ms,
            "cached_tokens": invocation.cached_tokens,
            "cache_hits": int(bool(invocation.cache)),
            "cost": invocation.cost or 0,
        },
        once=invocation.invocation,
        initial=day,
    )


def daily(
    application: str, start: date | None, end: date | None, *, limit: int = 100, cursor: str | None = None
) -> Page[DayUsage]:
    """A page of an application's days, oldest first, by model; both ends are included and None is no end."""
    return records.query(
        DayUsage,
        application,
        between=((start or BEGINNING).isoformat(), (end or END).isoformat()),
        limit=limit,
        cursor=cursor,
    )


def metrics(application: str, start: date | None, end: date | None) -> Mapping[str, ModelTotals]:
    """An application's calls by the id of the model that was asked for; both ends are included and None is no end."""
    totals: dict[str, ModelTotals] = {}
    for day in _days(application, start, end):
        totals[day.model_id] = totals.get(day.model_id, ModelTotals(day.model_id, day.model_name)).plus(day)
    return totals


def calls(application: str, *, limit: int = 100, cursor: str | None = None) -> Page[Invocation]:
    """A page of an application's calls, newest first."""
    return records.query(Invocation, application, index="by_created", descending=True, limit=limit, cursor=cursor)


def _days(application: str, start: date | None, end: date | None) -> Iterator[DayUsage]:
    """All of them, a page at a time."""
    cursor = None
    while True:
        page = daily(application, start, end, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
