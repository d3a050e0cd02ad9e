"""Every use case of chunking. Views, tasks, commands and other capabilities come in here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from apps.chunking import work
from apps.chunking.cuts import Chunk, Sizes, Strategy
from apps.chunking.records import ChunkedFile, ChunkingJob, FileStatus, JobStatus
from apps.extraction import services as extractions
from foundation.adapters import files, queues, records
from foundation.ambient import new_id, now
from foundation.errors import Invalid, NotFound, NotReady
from foundation.identity import Caller
from foundation.records import MAXIMUM_PAGE, Page
from foundation.together import together

__all__ = [
    "Chunk",
    "ChunkedFile",
    "ChunkingJob",
    "JobStatus",
    "Located",
    "chunk_file_url",
    "chunks",
    "completed_files",
    "create_job",
    "job",
    "job_files",
    "jobs",
]

LONGEST_ID: Final = 100
LONGEST_NAME: Final = 255
PATIENCE: Final = 600  # seconds; longer than it takes to hand out all files
CHUNKABLE: Final = frozenset({extractions.JobStatus.COMPLETED, extractions.JobStatus.COMPLETED_WITH_ERRORS})


@dataclass(frozen=True, slots=True)
class Located:
    """A COMPLETED file, and where its chunks can be fetched."""

    file: ChunkedFile
    url: str


def create_job(caller: Caller, extraction: str, strategy: Strategy, sizes: Sizes | None = None) -> ChunkingJob:
    """Start cutting every file that an extraction job completed; without `sizes` the usual ones hold.

    NotFound when the caller has no such extraction job, NotReady while it runs or when it failed, Invalid while another
    chunking job of it waits to be begun. Safe to call again after that: it makes another job.
    """
    source, waiting = together(lambda: extractions.job(caller, extraction), lambda: _waiting(caller, extraction))
    if waiting:
        raise Invalid(f"A chunking job with status '{JobStatus.WAITING}' already exists")
    if source.status not in CHUNKABLE:
        raise NotReady("Extraction job is not in COMPLETED or COMPLETED_WITH_ERRORS state")
    moment = now()
    wanted = ChunkingJob(
        application=caller.application,
        job=new_id(),
        client=caller.client,
        extraction=source.job,
        strategy=strategy,
        sizes=sizes,
        created=moment,
        updated=moment,
        total=source.completed,
        waiting=source.job,
    )
    _send(wanted, delay=PATIENCE)  # it begins the job if this process dies before it sends the next message
    created = records.put(wanted)
    _send(created)
    return created


def job(owner: Caller | str, identifier: str) -> ChunkingJob:
    """The job of a caller, or of an application by its id, as it is now; NotFound when it has no such job."""
    application = owner.application if isinstance(owner, Caller) else owner
    found = records.get(ChunkingJob, application, identifier) if _is_id(identifier) else None
    if found is None:
        raise NotFound("Chunking job not found")
    return found


def jobs(
    application: str, *, between: tuple[datetime, datetime] | None = None, limit: int = 100, cursor: str | None = None
) -> Page[ChunkingJob]:
    """An application's jobs, newest first; `between` bounds when they were created, both ends included."""
    return records.query(
        ChunkingJob, application, index="by_created", between=between, descending=True, limit=limit, cursor=cursor
    )


def job_files(caller: Caller, identifier: str, *, limit: int = MAXIMUM_PAGE, cursor: str | None = None) -> Page[ChunkedFile]:
    """A page of a job's files, by name; none while the job waits to be begun."""
    target = job(caller, identifier)
    return records.query(ChunkedFile, target.application, target.job, limit=limit, cursor=cursor)


def chunk_file_url(caller: Caller, identifier: str, name: str) -> Located:
    """Where one file's chunks can be fetched; NotFound names what is missing, NotReady before the file is COMPLETED."""
    file = _completed(job(caller, identifier), name)
    return Located(file, files.download_url(file.chunks))


def completed_files(owner: Caller | str, identifier: str) -> tuple[ChunkedFile, ...]:
    """The COMPLETED files of a job, by name; each has `name`. For the capabilities that build on chunking.

    NotFound when the owner has no such job.
    """
    return tuple(file for file in work.files_of(job(owner, identifier)) if file.status is FileStatus.COMPLETED)


def chunks(application: str, identifier: str, name: str) -> tuple[Chunk, ...]:
    """The chunks of one COMPLETED file, in the order of the document. For the capabilities that build on chunking.

    A chunk's text may be empty: a blank page is one chunk where pages are chunks. NotFound when there is no such job or
    file, NotReady when the file is not COMPLETED.
    """
    file = _completed(job(application, identifier), name)
    return msgspec.json.decode(files.read(file.chunks), type=tuple[Chunk, ...])


def _waiting(caller: Caller, extraction: str) -> tuple[ChunkingJob, ...]:
    if not _is_id(extraction):
        return ()
    return records.query(ChunkingJob, caller.application, extraction, index="by_waiting", limit=1).items


def _is_id(identifier: str) -> bool:
    return bool(identifier) and len(identifier) <= LONGEST_ID


def _completed(target: ChunkingJob, name: str) -> ChunkedFile:
    known = bool(name) and len(name.encode()) <= LONGEST_NAME
    file = records.get(ChunkedFile, target.application, target.job, name) if known else None
    if target.status is JobStatus.WAITING or (file is not None and file.status is FileStatus.QUEUED):
        raise NotReady("Job is not completed yet")
    if file is None:
        raise NotFound("Results not found")
    if file.status is FileStatus.FAILED:
        raise NotReady(f"{name} has no chunks: {file.reason}")
    return file


def _send(target: ChunkingJob, delay: int = 0) -> None:
    queues.send("begin_chunking", queue=work.QUEUE, delay=delay, application=target.application, job=target.job)
