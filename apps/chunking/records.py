"""What chunking remembers: one job, and one row for each file in it."""

import enum
import hashlib
from datetime import datetime

from apps.chunking.cuts import Sizes, Strategy
from foundation.records import Record, record


class JobStatus(enum.StrEnum):
    """Where a job stands."""

    WAITING = "WAITING_QUEUE_ALLOCATION"
    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"


class FileStatus(enum.StrEnum):
    """Where a file stands: handed to the workers, and how it ended."""

    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@record(
    table="chunking_jobs",
    key=("application", "job"),
    indexes={"by_created": ("application", "created"), "by_waiting": ("application", "waiting")},
)
class ChunkingJob(Record, frozen=True):
    """The files of one extraction job that are cut in one way; `client` is who made it, `total` counts its files.

    `waiting` is the extraction job until a worker has handed out the files, or that was given up on, None from then on.
    `sizes` are those that were asked for, None for the usual ones. `reason` says why the files could not be handed out; those
    that were count all the same.
    """

    application: str
    job: str
    client: str
    extraction: str
    strategy: Strategy
    sizes: Sizes | None
    created: datetime
    updated: datetime
    total: int
    waiting: str | None
    completed: int = 0
    failed: int = 0
    reason: str | None = None

    @property
    def status(self) -> JobStatus:
        """Derived from the counts: nothing sets it, so nothing can set it wrong."""
        ended = self.completed + self.failed
        if self.waiting is not None:
            return JobStatus.WAITING
        if ended < self.total:
            if self.reason is not None:
                return JobStatus.FAILED
            return JobStatus.IN_PROGRESS if ended else JobStatus.QUEUED
        if not self.failed:
            return JobStatus.COMPLETED
        return JobStatus.COMPLETED_WITH_ERRORS if self.completed else JobStatus.FAILED

    @property
    def handed_out(self) -> bool:
        """Whether every file has been sent to the workers."""
        return self.waiting is None and self.reason is None

    @property
    def queued(self) -> int:
        """How many files are with the workers."""
        return self.total - self.completed - self.failed if self.handed_out else 0


@record(table="chunking_files", key=("application", "job", "name"))
class ChunkedFile(Record, frozen=True):
    """One file of a job. `reason` says why it FAILED, to the person who uploaded it.

    `abandoned`: it failed because the platform could not work on it, not because of what it holds; a redriven message may
    then still complete it, and `abandoned` stays.
    """

    application: str
    job: str
    name: str
    updated: datetime
    status: FileStatus = FileStatus.QUEUED
    reason: str | None = None
    abandoned: bool = False

    @property
    def ended(self) -> bool:
        """Whether no message can change it any more."""
        return self.status is FileStatus.COMPLETED or (self.status is FileStatus.FAILED and not self.abandoned)

    @property
    def chunks(self) -> str:
        """Where its chunks are kept; the name is hashed, as it may be longer or stranger than a path can be."""
        digest = hashlib.blake2b(self.name.encode(), digest_size=16).hexdigest()
        return f"chunks/{self.application}/{self.job}/{digest}.json"
