"""Every use case of the portal beside those of applications. Pages and JSON endpoints come in here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from typing import Final, TypeVar

from apps.applications import services as applications
from apps.applications.records import Application
from apps.chunking import services as chunking
from apps.extraction import services as extraction
from apps.portal import relay
from apps.portal.reports import (
    FAILED,
    RUNNING,
    ApplicationUse,
    DayUse,
    Job,
    JobCount,
    JobGroup,
    Overview,
    Period,
    QueueHealth,
    Report,
    ServiceHealth,
    counted,
)
from apps.usage import services as usage
from apps.usage.records import DayUsage
from apps.vectors import services as vectors
from apps.vectors.records import VectorIndex, VectorStore
from foundation.adapters import queues
from foundation.ambient import now
from foundation.manifest import short
from foundation.records import MAXIMUM_PAGE, Page
from foundation.settings import HOUSE

PAGE_SIZE: Final = 25
BATCHES: Final = 40
MOST_APPLICATIONS: Final = 500
MOST_JOBS: Final = 20_000
MOST_DAYS: Final = 100_000
MOST_STORES: Final = 1000
MOST_SUMMED: Final = 100

T = TypeVar("T")


def last_days(count: int) -> Period:
    """The period that ends today."""
    today = now().date()
    return Period(today - timedelta(days=count - 1), today)


def every(fetch: Callable[[str | None], Page[T]], most: int) -> Iterator[T]:
    """The items of a list, page by page, until `most` were given."""
    cursor, given = None, 0
    while given < most:
        page = fetch(cursor)
        yield from page.items[: most - given]
        given, cursor = given + len(page.items), page.cursor
        if cursor is None:
            return


def all_applications() -> tuple[Application, ...]:
    """The applications, newest first, at most 500 of them: what a list to choose from can hold."""
    return tuple(every(lambda cursor: applications.page(limit=MAXIMUM_PAGE, cursor=cursor), MOST_APPLICATIONS))


def search(text: str, status: str, cursor: str | None) -> Page[Application]:
    """Applications whose name, description, id or client id has `text` in it, newest first.

    `status` is active, inactive or empty for both. A page holds 25 to 49 of them, or what there is in the next 1,000.
    """
    wanted, found = text.strip().casefold(), list[Application]()
    for _ in range(BATCHES):
        page = applications.page(limit=PAGE_SIZE, cursor=cursor)
        found += [one for one in page.items if _fits(one, wanted, status)]
        cursor = page.cursor
        if cursor is None or len(found) >= PAGE_SIZE:
            break
    return Page(tuple(found), cursor)


def _fits(one: Application, wanted: str, status: str) -> bool:
    text = "\n".join((one.name, one.description, one.application, one.client)).casefold()
    return wanted in text and status in ("", "active" if one.active else "inactive")


# What was done


JOBS: Final[Mapping[str, tuple[str, Callable[..., Page[Job]]]]] = {
    "extraction": ("Extraction jobs", extraction.jobs),
    "chunking": ("Chunking jobs", chunking.jobs),
    "vectorization": ("Vectorization jobs", vectors.jobs),
}


def job_counts(kind: str, application: str, period: Period) -> tuple[JobCount, ...]:
    """The jobs of one kind that an application made in a period, by status; at most 20,000 are counted."""
    _, listing = JOBS[kind]
    found = every(lambda cursor: listing(application, between=period.between, limit=MAXIMUM_PAGE, cursor=cursor), MOST_JOBS)
    return counted(found)


def model_use(application: str, period: Period) -> tuple[usage.ModelTotals, ...]:
    """An application's calls by model, the most called first."""
    totals = usage.metrics(application, period.start, period.end).values()
    return tuple(sorted(totals, key=lambda one: (-one.calls, one.model_id)))


def daily_use(applications_wanted: Iterable[str], period: Period) -> tuple[DayUse, ...]:
    """What these applications called on each day of a period, the days without a call among them."""
    sums = {day.isoformat(): DayUse(day, 0, 0, 0) for day in period.days}
    for application in applications_wanted:
        for one in _days_of(application, period):
            used = DayUse(sums[one.day].day, one.calls, one.failed, one.input_tokens + one.output_tokens, one.cost)
            sums[one.day] = sums[one.day].plus(used)
    return tuple(sums.values())


def summed(uses: Sequence[ApplicationUse], period: Period) -> tuple[DayUse, ...]:
    """The days of several applications, which all have the days of the period, together."""
    return tuple(
        reduce(DayUse.plus, (use.days[place] for use in uses), DayUse(day, 0, 0, 0)) for place, day in enumerate(period.days)
    )


def _days_of(application: str, period: Period) -> Iterator[DayUsage]:
    def fetch(cursor: str | None) -> Page[DayUsage]:
        return usage.daily(application, period.start, period.end, limit=MAXIMUM_PAGE, cursor=cursor)

    return every(fetch, MOST_DAYS)


def stores(application: str) -> tuple[VectorStore, ...]:
    """The vector stores of an application, newest first, at most 1,000."""
    return tuple(every(lambda cursor: vectors.stores(application, limit=MAXIMUM_PAGE, cursor=cursor), MOST_STORES))


def indexes(application: str, store: str) -> tuple[VectorIndex, ...]:
    """The indexes of a vector store, at most 1,000; NotFound when the application has no such store."""
    return tuple(every(lambda cursor: vectors.indexes(application, store, limit=MAXIMUM_PAGE, cursor=cursor), MOST_STORES))


def report(application: str, period: Period) -> Report:
    """All that the metrics page and its downloads show of one application."""
    return Report(
        model_use(application, period),
        daily_use([application], period),
        tuple(JobGroup(kind, title, job_counts(kind, application, period)) for kind, (title, _) in JOBS.items()),
        stores(application),
    )


def overview(period: Period) -> Overview:
    """The platform at a glance, the portal's own application aside. Of more than 100 it sums up the 100 newest."""
    known = [one for one in all_applications() if one.name != relay.OWN]
    looked_at = known[:MOST_SUMMED]
    uses = [ApplicationUse(one.application, one.name, daily_use([one.application], period)) for one in looked_at]
    counts = [count for one in looked_at for kind in JOBS for count in job_counts(kind, one.application, period)]
    return Overview(
        period,
        len(known),
        sum(one.active for one in known),
        len(looked_at),
        summed(uses, period),
        tuple(sorted((use for use in uses if use.invocations), key=lambda use: (-use.cost, -use.invocations))),
        sum(count.jobs for count in counts if count.status in RUNNING),
        sum(count.jobs for count in counts if count.status in FAILED),
        health(),
    )


# Health


def health() -> tuple[ServiceHealth, ...]:
    """Every capability of the platform that has a service or a queue, as it is at this moment."""
    shown = [capability for capability in HOUSE.capabilities if capability.manifest.services or capability.manifest.queues]
    names = tuple({name: None for capability in shown for name in capability.manifest.services})
    answers = relay.which_are_up(names)
    return tuple(
        ServiceHealth(
            short(capability),
            capability.manifest.title,
            all(answers[name] for name in capability.manifest.services) if capability.manifest.services else None,
            tuple(QueueHealth(queue.name, queues.depth(queue.name)) for queue in capability.manifest.queues),
        )
        for capability in shown
    )
