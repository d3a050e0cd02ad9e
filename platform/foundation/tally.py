"""How the files of a job are counted when they end: each once, however often and in whatever order its messages come.

The record of the file is written first and its job after it, without a read of the job: so workers of one job never repeat
each other's work. A worker that ends in between has its message delivered again, and that counts.
"""

from typing import Protocol

from foundation.adapters import records
from foundation.ambient import now
from foundation.records import Record


class Ended(Protocol):
    """A file that has ended as COMPLETED or FAILED. `abandoned`: it was given up on first, and may end once more."""

    @property
    def application(self) -> str: ...

    @property
    def job(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def abandoned(self) -> bool: ...


def count(job: type[Record], file: Ended) -> None:
    """Count how a file ended in its job's `completed` and `failed`, once, and that the job has changed.

    One that was abandoned counts as failed until it is completed. NotFound when there is no such job.
    """
    place, also, done = (file.application, file.job), {"updated": now()}, file.status == "COMPLETED"
    first = "completed" if done and not file.abandoned else "failed"
    records.increment(job, *place, by={first: 1}, once=file.name, also=also)
    if done and file.abandoned:
        records.increment(job, *place, by={"failed": -1, "completed": 1}, once=f"{file.name}/completed", also=also)
