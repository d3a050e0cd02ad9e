"""What extraction remembers: one job, and one row for each file in it."""

import enum
from datetime import datetime

from msgspec.structs import replace

from foundation.records import Record, record


class JobStatus(enum.StrEnum):
    """Where a job stands."""

    CREATED = "CREATED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"


class FileStatus(enum.StrEnum):
    """Where a file stands: registered, of a job that was started, and how it ended.

    A record has no QUEUED; `seen` tells it from the job, so that a start has not to write each of its files.
    """

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


FINISHED = frozenset({JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED})


@record(table="extraction_jobs", key=("application", "job"), indexes={"by_created": ("application", "created")})
class ExtractionJob(Record, frozen=True):
    """A set of documents that are extracted together. `total` counts its files; `client` is who made it."""

    application: str
    job: str
    client: str
    created: datetime
    updated: datetime
    started: datetime | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def status(self) -> JobStatus:
        """Derived from the counts: nothing sets it, so nothing can set it wrong."""
        if self.started is None:
            return JobStatus.CREATED
        if self.completed + self.failed < self.total:
            return JobStatus.STARTED
        if not self.failed:
            return JobStatus.COMPLETED
        return JobStatus.COMPLETED_WITH_ERRORS if self.completed else JobStatus.FAILED

    @property
    def queued(self) -> int:
        """How many files are with the workers."""
        return 0 if self.started is None else self.total - self.completed - self.failed


@record(table="extraction_files", key=("application", "job", "name"))
class ExtractedFile(Record, frozen=True):
    """One document of a job. `file` is its id, which names what is stored for it.

    `reason` says why it FAILED, or what is missing though it is COMPLETED, to the person who uploaded it. `abandoned`: it
    failed because the platform could not work on it, not because of what it holds; a redriven message may then still
    complete it, and `abandoned` stays.
    `ticket`: with which its engine goes on. `turn`: how often it went on, which its next message says too.
    """

    application: str
    job: str
    name: str
    file: str
    updated: datetime
    status: FileStatus = FileStatus.PENDING
    reason: str | None = None
    abandoned: bool = False
    ticket: str | None = None
    turn: int = 0

    @property
    def ended(self) -> bool:
        """Whether no message can change it any more."""
        return self.status is FileStatus.COMPLETED or (self.status is FileStatus.FAILED and not self.abandoned)

    def seen(self, job: ExtractionJob) -> "ExtractedFile":
        """The file as its job's callers see it."""
        is_queued = self.status is FileStatus.PENDING and job.started is not None
        return replace(self, status=FileStatus.QUEUED) if is_queued else self

    @property
    def upload(self) -> str:
        """Where an upload URL puts it."""
        return f"uploads/{self.application}/{self.job}/{self.file}"

    @property
    def document(self) -> str:
        """Where it is kept once the job has started, out of reach of upload URLs."""
        return f"documents/{self.application}/{self.job}/{self.file}"

    @property
    def text(self) -> str:
        """Where the text of its pages is kept."""
        return f"extracted/{self.application}/{self.job}/{self.file}.json"

    @property
    def tables(self) -> str:
        """Where its tables are kept."""
        return f"extracted/{self.application}/{self.job}/{self.file}.tables.json"


@record(table="extraction_waiting", key=("application", "started", "job", "name"))
class WaitingFile(Record, frozen=True):
    """A document for which the engine had no room; `file` is its id. Those of the job that was started first go first."""

    application: str
    started: datetime
    job: str
    name: str
    file: str


@record(table="extraction_lines", key=("application",))
class Line(Record, frozen=True):
    """Whether somebody looks after the documents of an application that wait, with which message, and when that was last so."""

    application: str
    updated: datetime
    turn: int = 0
    moving: bool = False
