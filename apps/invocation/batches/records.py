"""What batches remember: files, and batches with the counts of their lines."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foundation.records import Record, record

FOLDER: Final = "batches"
# How the ids begin of what was made in OpenAI's dialect and in Anthropic's, so that each lists its own.
OPENAI, ANTHROPIC = "", "msg"


class Purpose(enum.StrEnum):
    """What a file is for: the requests of a batch, or what became of them."""

    BATCH = "batch"
    OUTPUT = "batch_output"


class BatchStatus(enum.StrEnum):
    """Where a batch stands, in OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


def input_path(application: str, file: str) -> str:
    """Where an uploaded file lies."""
    return f"{FOLDER}/{application}/{file}.jsonl"


def source_of(file: str) -> str:
    """The id of the batch whose results a file of this id has; of an uploaded one, an id that no batch has."""
    dialect, _, rest = file.partition("file-")
    return f"{dialect}batch_{rest.rpartition('-')[0]}"


class Results(enum.StrEnum):
    """The two files of results: the answers, and the lines that have none. The value is also the end of the file's id."""

    OUTPUT = "output"
    ERRORS = "errors"


@record(
    table="batch_files",
    key=("application", "file"),
    indexes={"by_purpose": ("application", "purpose", "file")},
    expires="expires",
)
class UploadedFile(Record, frozen=True):
    """A file of an application; ids begin with their time. One of results lies in the parts of its `batch`, and grows with
    it: its size is a count of the batch, and `size` here is 0."""

    application: str
    file: str
    created: datetime
    expires: datetime
    name: str
    size: int
    purpose: Purpose = Purpose.BATCH
    batch: str = ""

    @property
    def path(self) -> str:
        """Where it lies, if it was uploaded."""
        return input_path(self.application, self.file)

    @property
    def results(self) -> Results:
        """Which of the results of its batch this is."""
        return Results.ERRORS if self.file.endswith(Results.ERRORS) else Results.OUTPUT


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line of a batch's file: a stable word, and to the person who wrote it; None: the whole file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


@record(table="batches", key=("application", "batch"), expires="expires")
class Batch(Record, frozen=True):
    """The lines of a file, which workers answer in parts of some lines; ids begin with their time.

    total counts lines, parts the messages; both stand when the batch has begun. handed_out: all of those have been sent.
    ended counts the parts that have their results; completed, failed, expired and cancelled count the lines of those.
    deadline: when what has not begun expires.
    output_size and errors_size are bytes. Each moment is None until it comes; errors say why a batch failed.
    """

    application: str
    batch: str
    created: datetime
    expires: datetime
    deadline: datetime
    client: str
    endpoint: str
    input_file: str
    window: str
    metadata: Mapping[str, str]
    total: int = 0
    parts: int = 0
    handed_out: bool = False
    ended: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    output_size: int = 0
    errors_size: int = 0
    begun: datetime | None = None
    cancelling: datetime | None = None
    finalizing: datetime | None = None
    finished: datetime | None = None
    errors: tuple[LineError, ...] = ()

    @property
    def status(self) -> BatchStatus:
        """Derived from the counts and moments: nothing sets it, so nothing can set it wrong."""
        if self.errors:
            return BatchStatus.FAILED
        if self.finished is not None:
            if self.cancelling is not None:
                return BatchStatus.CANCELLED
            return BatchStatus.EXPIRED if self.expired else BatchStatus.COMPLETED
        if self.cancelling is not None:
            return BatchStatus.CANCELLING
        if self.begun is None:
            return BatchStatus.VALIDATING
        return BatchStatus.IN_PROGRESS if self.ended < self.parts else BatchStatus.FINALIZING

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.finished is not None or bool(self.errors)

    def size(self, results: Results) -> int:
        """How many bytes of these results there are by now."""
        return self.output_size if results is Results.OUTPUT else self.errors_size

    def file_of(self, results: Results) -> str:
        """The id of the file of these results."""
        dialect, _, rest = self.batch.partition("batch_")
        return f"{dialect}file-{rest}-{results}"

    def input_of(self, part: int) -> str:
        """Where the lines of a part lie until they are answered."""
        return f"{FOLDER}/{self.application}/{self.batch}/input/{part:05d}.jsonl"

    def progress_of(self, part: int) -> str:
        """Where the results of a part lie while some of its lines wait for a limit."""
        return f"{FOLDER}/{self.application}/{self.batch}/progress/{part:05d}.json"


@record(table="batch_parts", key=("application", "batch", "part"), expires="expires")
class BatchPart(Record, frozen=True):
    """How a part of a batch ended; of several workers at once the first to put this ended it.

    attempt names the files of its results. The numbers are those that are added to the batch's.
    """

    application: str
    batch: str
    part: int
    attempt: str
    expires: datetime
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    output_size: int = 0
    errors_size: int = 0

    def size(self, results: Results) -> int:
        """How many bytes of these results it has."""
        return self.output_size if results is Results.OUTPUT else self.errors_size

    def results_of(self, results: Results) -> str:
        """Where its results of one kind lie, if it has any of these."""
        return f"{FOLDER}/{self.application}/{self.batch}/{results}/{self.part:05d}-{self.attempt}.jsonl"
