"""What the portal shows, as frozen values: periods, counts, health. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from apps.usage.records import MICRO
from apps.usage.services import ModelTotals
from apps.vectors.records import VectorStore
from foundation.ports import Depth

RUNNING: Final = frozenset({"CREATED", "STARTED", "WAITING_QUEUE_ALLOCATION", "QUEUED", "IN_PROGRESS"})
FAILED: Final = frozenset({"FAILED", "COMPLETED_WITH_ERRORS"})


class Job(Protocol):
    """What the jobs of every capability have in common."""

    @property
    def status(self) -> object: ...
    @property
    def total(self) -> int: ...
    @property
    def completed(self) -> int: ...
    @property
    def failed(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, the first and the last both included."""

    start: date
    end: date

    @property
    def between(self) -> tuple[datetime, datetime]:
        """The same as moments, both included."""
        return datetime.combine(self.start, time.min, UTC), datetime.combine(self.end, time.max, UTC)

    @property
    def days(self) -> tuple[date, ...]:
        """Each day of it."""
        return tuple(self.start + timedelta(days=count) for count in range((self.end - self.start).days + 1))


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs stand at one status, and their files."""

    status: str
    jobs: int
    files: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class JobGroup:
    """The jobs of one kind by status."""

    kind: str
    title: str
    counts: tuple[JobCount, ...]

    @property
    def table(self) -> str:
        """The name of its table among the downloads."""
        return f"{self.kind}-jobs"


@dataclass(frozen=True, slots=True)
class DayUse:
    """The model calls of one day. cost: millionths of a US dollar."""

    day: date
    invocations: int
    failed: int
    tokens: int
    cost: int = 0

    def plus(self, other: "DayUse") -> "DayUse":
        """With the calls of others on the same day."""
        return DayUse(
            self.day,
            self.invocations + other.invocations,
            self.failed + other.failed,
            self.tokens + other.tokens,
            self.cost + other.cost,
        )


class Summed:
    """The sums of some days."""

    __slots__ = ()
    days: tuple[DayUse, ...]

    @property
    def invocations(self) -> int:
        """Their calls."""
        return sum(day.invocations for day in self.days)

    @property
    def failures(self) -> int:
        """Their calls that failed."""
        return sum(day.failed for day in self.days)

    @property
    def tokens(self) -> int:
        """Their tokens, in and out."""
        return sum(day.tokens for day in self.days)

    @property
    def cost(self) -> int:
        """What their calls cost, in millionths of a US dollar."""
        return sum(day.cost for day in self.days)


@dataclass(frozen=True, slots=True)
class ApplicationUse(Summed):
    """What one application called in a period."""

    application: str
    name: str
    days: tuple[DayUse, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What one application did in a period."""

    models: tuple[ModelTotals, ...]
    days: tuple[DayUse, ...]
    jobs: tuple[JobGroup, ...]
    stores: tuple[VectorStore, ...]


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """A queue and how full it is."""

    name: str
    depth: Depth

    @property
    def advice(self) -> str:
        """What to do about it, empty when there is nothing to do."""
        if self.depth.dead:
            return (
                f"{self.depth.dead} messages were given up on; their files are marked as failed, with the reason. "
                f"When the cause is mended, put them back: manage.py jobs redrive --queue {self.name}"
            )
        if self.depth.waiting and not self.depth.in_flight:
            return "Messages wait and no worker has one in hand. If this stays so, start a worker."
        return ""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """A capability: whether it answers over HTTP (None: it has no service of its own), and its queues."""

    name: str
    title: str
    up: bool | None
    queues: tuple[QueueHealth, ...]

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return self.up is not False and not any(queue.advice for queue in self.queues)


@dataclass(frozen=True, slots=True)
class Overview(Summed):
    """The platform at a glance. `summed`: how many applications the sums are of."""

    period: Period
    applications: int
    active: int
    summed: int
    days: tuple[DayUse, ...]
    by_application: tuple[ApplicationUse, ...]
    running: int
    troubled: int
    services: tuple[ServiceHealth, ...]

    @property
    def unwell(self) -> tuple[ServiceHealth, ...]:
        """The services that something has to be done about."""
        return tuple(service for service in self.services if not service.well)


def usd(micro: int | None) -> str:
    """Millionths of a US dollar to read: whole cents, or as many digits as a small amount takes; a dash for none known."""
    if micro is None:
        return "–"
    if micro >= MICRO or micro % 10_000 == 0:
        return f"${micro / MICRO:,.2f}"
    return f"${micro / MICRO:.6f}".rstrip("0")


def counted(jobs: Iterable[Job]) -> tuple[JobCount, ...]:
    """Jobs by status, in the order of the alphabet."""
    sums: dict[str, tuple[int, int, int, int]] = {}
    for job in jobs:
        status = str(getattr(job.status, "value", job.status))
        count, files, completed, failed = sums.get(status, (0, 0, 0, 0))
        sums[status] = (count + 1, files + job.total, completed + job.completed, failed + job.failed)
    return tuple(JobCount(status, *sums[status]) for status in sorted(sums))
