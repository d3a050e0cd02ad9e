"""What vectors remember: stores, the indexes in them, vectorize jobs, and one row for each file of a job."""

import enum
from collections.abc import Mapping
from datetime import datetime

from foundation.records import Record, record


class JobStatus(enum.StrEnum):
    """Where a vectorize job stands."""

    STARTED = "STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"


class FileStatus(enum.StrEnum):
    """Where one file of a job stands."""

    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@record(
    table="vector_stores",
    key=("application", "store"),
    indexes={"by_created": ("application", "created")},
)
class VectorStore(Record, frozen=True):
    """A place for indexes. `type` is the word by which its creator asked for it."""

    application: str
    store: str
    name: str
    type: str
    description: str
    tags: tuple[Mapping[str, str], ...]
    created: datetime


@record(
    table="vector_indexes",
    key=("application", "index"),
    indexes={"by_store": ("application", "store", "created")},
)
class VectorIndex(Record, frozen=True):
    """An index: every vector in it was made by `model` and has `dimension` numbers."""

    application: str
    index: str
    store: str
    name: str
    model: str
    dimension: int
    created: datetime


@record(table="vector_index_names", key=("application", "store", "name"))
class IndexName(Record, frozen=True):
    """Which index has a name in a store; stored together with the index, so that a name has one index."""

    application: str
    store: str
    name: str
    index: str


@record(table="vectorize_jobs", key=("application", "job"), indexes={"by_created": ("application", "created")})
class VectorizeJob(Record, frozen=True):
    """The files of one chunking job on their way into one index. `client` is who asked and pays for the embeddings.

    `handed_out`: every file has been sent to the workers. `reason` says why that could not be done;
    those that were sent count all the same.
    """

    application: str
    job: str
    client: str
    store: str
    index: str
    chunking_job: str
    created: datetime
    updated: datetime
    total: int
    handed_out: bool = False
    completed: int = 0
    failed: int = 0
    reason: str | None = None

    @property
    def status(self) -> JobStatus:
        """Derived from the counts: nothing sets it, so nothing can set it wrong."""
        ended = self.completed + self.failed
        if ended < self.total:
            if self.reason is not None:
                return JobStatus.FAILED
            return JobStatus.IN_PROGRESS if ended else JobStatus.STARTED
        if not self.failed:
            return JobStatus.COMPLETED
        return JobStatus.COMPLETED_WITH_ERRORS if self.completed else JobStatus.FAILED

    @property
    def queued(self) -> int:
        """How many files are with the workers."""
        return self.total - self.completed - self.failed if self.reason is None else 0


@record(table="vectorized_files", key=("application", "job", "name"))
class VectorizedFile(Record, frozen=True):
    """One file of a job: how many vectors it gave, or why it FAILED.

    `written`: when all of its vectors were put into an index that shows them late; it is COMPLETED once they are found.
    `abandoned`: it failed because the platform could not work on it, not because of what it holds; a redriven message may
    then still complete it, and `abandoned` stays.
    """

    application: str
    job: str
    name: str
    updated: datetime
    status: FileStatus = FileStatus.QUEUED
    vectors: int = 0
    written: datetime | None = None
    reason: str | None = None
    abandoned: bool = False

    @property
    def shown_late(self) -> bool:
        """Whether all of its vectors are put, and searches do not find them yet."""
        return self.written is not None and self.status is not FileStatus.COMPLETED

    @property
    def ended(self) -> bool:
        """Whether no message can change it any more."""
        return self.status is FileStatus.COMPLETED or (self.status is FileStatus.FAILED and not self.abandoned)
