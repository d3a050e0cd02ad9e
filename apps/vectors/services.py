"""Every use case of vectors. Views, tasks, commands and other capabilities come in here."""

from collections.abc import Iterator, Sequence
from typing import Final

from apps.chunking import services as chunkings
from apps.vectors import searching, work
from apps.vectors.adapters import backend
from apps.vectors.ports import Filter, Hit
from apps.vectors.records import JobStatus, VectorIndex, VectorizedFile, VectorizeJob, VectorStore
from apps.vectors.searching import Mode
from apps.vectors.stores import (
    MOST_TOGETHER,
    Between,
    PlacedIndex,
    create_index,
    create_store,
    delete_index,
    delete_store,
    index,
    index_status,
    indexes,
    owned,
    shelf_of,
    store,
    store_status,
    stores,
)
from foundation.adapters import queues, records
from foundation.ambient import new_id, now
from foundation.doctor import Finding
from foundation.errors import NotFound, NotReady, Problem
from foundation.identity import Caller
from foundation.records import MAXIMUM_PAGE, Page
from foundation.settings import CHOSEN
from foundation.together import together

__all__ = [
    "MOST_TOGETHER",
    "Filter",
    "Hit",
    "JobStatus",
    "Mode",
    "PlacedIndex",
    "VectorIndex",
    "VectorStore",
    "VectorizeJob",
    "create_index",
    "create_store",
    "delete_index",
    "delete_store",
    "findings",
    "index",
    "index_status",
    "indexes",
    "job",
    "job_files",
    "jobs",
    "search",
    "shelf_of",
    "store",
    "store_status",
    "stores",
    "vectorize",
]

READY: Final = frozenset({chunkings.JobStatus.COMPLETED, chunkings.JobStatus.COMPLETED_WITH_ERRORS})
ANYTHING: Final = Filter()


def vectorize(caller: Caller, chunking: str, identifier: str) -> VectorizeJob:
    """Start putting every file that a chunking job completed into an index. Safe to call again: no vector is put twice.

    NotFound when the caller has no such chunking job or index, NotReady while chunking runs or when it completed nothing.
    """
    chunked, target = together(lambda: _chunked(caller, chunking), lambda: index(caller, identifier))
    if chunked.status not in READY:
        raise NotReady("Chunk job is not completed")
    if not chunked.completed:
        raise NotReady("No chunk files found")
    moment = now()
    started = VectorizeJob(
        application=caller.application,
        job=new_id(),
        client=caller.client,
        store=target.store,
        index=target.index,
        chunking_job=chunked.job,
        created=moment,
        updated=moment,
        total=chunked.completed,
    )
    _send(started, delay=work.PATIENCE)  # it begins the job if this process dies before it sends the next message
    stored = records.put(started)
    _send(stored)
    return stored


def job(owner: Caller | str, identifier: str) -> VectorizeJob:
    """The job of a caller, or of an application by its id, as it is now; NotFound when it has no such job."""
    return owned(VectorizeJob, owner, identifier, "Vectorize job not found")


def jobs(
    application: str, *, between: Between | None = None, limit: int = MAXIMUM_PAGE, cursor: str | None = None
) -> Page[VectorizeJob]:
    """An application's jobs, newest first; `between` bounds when they were created, both ends included."""
    return records.query(
        VectorizeJob, application, index="by_created", between=between, descending=True, limit=limit, cursor=cursor
    )


def job_files(caller: Caller, identifier: str, *, limit: int = MAXIMUM_PAGE, cursor: str | None = None) -> Page[VectorizedFile]:
    """A page of a job's files, by name: how each ended, and why it failed."""
    target = job(caller, identifier)
    return records.query(VectorizedFile, target.application, target.job, limit=limit, cursor=cursor)


def search(
    caller: Caller, identifier: str, query: str, *, limit: int = 4, mode: Mode = Mode.HYBRID, only: Filter = ANYTHING
) -> Sequence[Hit]:
    """The passages of an index that answer `query`, best first. NotFound when the caller has no such index."""
    target = index(caller, identifier)
    return searching.search(caller, target, shelf_of(target), query, limit, mode, only)


def findings() -> Iterator[Finding]:
    """Whether the place of vectors answers."""
    try:
        backend().store_status("doctor", "doctor")
    except Problem as wrong:
        remedy = "Check VECTOR_STORE and OPENSEARCH_URL, and CA_FILE where it has a certificate of its own."
        yield Finding("vectors", False, wrong.detail, remedy)
    else:
        yield Finding("vectors", True, f"{CHOSEN.vector_store} answers")


def _chunked(caller: Caller, identifier: str) -> chunkings.ChunkingJob:
    try:
        return chunkings.job(caller, identifier)
    except NotFound as missing:
        raise NotFound("Chunk job not found") from missing


def _send(started: VectorizeJob, delay: int = 0) -> None:
    ids = {"application": started.application, "job": started.job}
    queues.send("begin_vectorize_job", queue=work.QUEUE, delay=delay, **ids)
