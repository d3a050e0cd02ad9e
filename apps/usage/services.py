"""Every use case of usage. Whoever calls a model records it here; whoever accounts for it reads here."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final

from prometheus_client.core import Metric

from apps.usage import aside
from apps.usage.adapters import tracer
from apps.usage.aside import SetAside
from apps.usage.journal import FULL, REFUSED, RETRY, Journal
from apps.usage.posting import Entry, encoded, post, until
from apps.usage.records import MICRO, Content, DayUsage, Invocation
from apps.usage.shipping import Shipper, of_all
from apps.usage.totals import UnderWay, families
from foundation.adapters import records
from foundation.doctor import Finding
from foundation.errors import NotFound, Unavailable
from foundation.grouped import Full, Grouped
from foundation.records import MAXIMUM_PAGE, Page
from foundation.settings import CHOSEN

BEGINNING: Final = date(2000, 1, 1)
END: Final = date(9999, 12, 31)
__all__ = ["until"]  # how long a call stays on the account is decided where it is put there

traces: Final = tracer(CHOSEN)
journal: Final = Journal(CHOSEN.journal_home, CHOSEN.journal_limit_mb * 2**20)
appending: Final[Grouped[bytes, None]] = Grouped("journal", journal.append)
under_way: Final = UnderWay()
shipper: Final = Shipper(journal, post, lambda entries: traces.ended([entry.row for entry in entries]), under_way)
os.register_at_fork(after_in_child=journal.begin_anew)


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """All calls to one model in a span of days. cost: millionths of a US dollar."""

    model_id: str
    model_name: str
    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_hits: int = 0
    cost: int = 0

    @property
    def calls(self) -> int:
        """All of them, whatever their end."""
        return self.succeeded + self.failed

    @property
    def cost_usd(self) -> float:
        """The cost in US dollars."""
        return self.cost / MICRO

    def plus(self, day: DayUsage) -> "ModelTotals":
        """With one more day."""
        return replace(
            self,
            succeeded=self.succeeded + day.succeeded,
            failed=self.failed + day.failed,
            input_tokens=self.input_tokens + day.input_tokens,
            output_tokens=self.output_tokens + day.output_tokens,
            cached_tokens=self.cached_tokens + day.cached_tokens,
            cache_hits=self.cache_hits + day.cache_hits,
            cost=self.cost + day.cost,
        )


async def note(invocation: Invocation, reserved: Mapping[str, str] | None = None, content: Content | None = None) -> None:
    """Put a call on the account: durable on this machine when it returns, in the store within a second.

    reserved: what admission holds back for it, kind by key, so that a call whose process dies is settled too. content: what
    was said, where it is to be kept. Unavailable when the journal does not take it; then the answer must not leave.
    """
    shipper.start()
    try:
        await appending.done(encoded(Entry(invocation, reserved or {}, content)))
    except Full as crowded:
        raise Unavailable(FULL, retry_after=RETRY) from crowded


def record(invocation: Invocation, reserved: Mapping[str, str] | None = None, content: Content | None = None) -> None:
    """The same for a worker. A repeat with the same invocation id changes no sum."""
    shipper.start()
    try:
        appending.wait(encoded(Entry(invocation, reserved or {}, content, repeats=True)))
    except Full as crowded:
        raise Unavailable(FULL, retry_after=RETRY) from crowded


def accept() -> None:
    """Unavailable when the journal has no room for another call: better none than one that is on no account."""
    if journal.is_full:
        raise Unavailable(FULL, retry_after=RETRY)


def findings() -> Iterator[Finding]:
    """Whether every call came on the account."""
    refused = len(aside.files(CHOSEN.journal_home))
    text = f"{refused} calls could not be put there" if refused else "every call is there, or on its way"
    where = f"the calls are kept in {CHOSEN.journal_home / REFUSED}, and `manage.py calls post` tries it again"
    remedy = f"Read the log for the reason; {where}." if refused else ""
    yield Finding("account of calls", not refused, text, remedy)


def set_aside() -> list[SetAside]:
    """The calls that the store refused, of all processes of this machine."""
    return list(aside.set_aside(CHOSEN.journal_home))


def post_again() -> Iterator[SetAside]:
    """Put them on the account, each once however often this is done; what is refused again says why, and stays.

    Unavailable when the store does not answer. Metrics and traces, which are of processes that serve, do not have them.
    """
    return aside.posted_again(CHOSEN.journal_home)


def start() -> None:
    """Ship in this process what it and processes that are no more have in their journals."""
    shipper.start()


def prometheus() -> Iterator[Metric]:
    """The totals of every process of this machine, at most a second old."""
    return families(of_all(CHOSEN.journal_home))


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


def calls(
    application: str, start: date | None = None, end: date | None = None, *, limit: int = 100, cursor: str | None = None
) -> Page[Invocation]:
    """A page of an application's calls, newest first; both days are included and None is no end."""
    between = datetime.combine(start or BEGINNING, time.min, UTC), datetime.combine(end or END, time.max, UTC)
    return records.query(
        Invocation, application, index="by_created", between=between, descending=True, limit=limit, cursor=cursor
    )


def call(application: str, invocation: str) -> tuple[Invocation, Content | None]:
    """One call of an application, and what was said in it where that is kept; NotFound. For administrators alone."""
    found = records.get(Invocation, application, invocation) if invocation.isprintable() and application.isprintable() else None
    if found is None:
        raise NotFound("there is no such call, or it is no longer kept")
    return found, records.get(Content, application, invocation)


def _days(application: str, start: date | None, end: date | None) -> Iterator[DayUsage]:
    """All of them, a page at a time."""
    cursor = None
    while True:
        page = daily(application, start, end, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
