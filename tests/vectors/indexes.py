"""Stores, indexes and vectorize jobs brought to their end, through the doors of chunking and vectors."""

from collections.abc import Mapping, Sequence

from apps.chunking.cuts import Strategy
from apps.vectors import services, work
from apps.vectors.records import VectorIndex, VectorizeJob
from foundation.identity import Caller
from tests.chunking import documents


def new_index(caller: Caller, name: str = "passages") -> VectorIndex:
    """An index in a store of its own."""
    store = services.create_store(caller, "documents", "opensearchserverless", None, [])
    return services.create_index(caller, store.store, name).index


def chunked(caller: Caller, texts: Mapping[str, str], strategy: Strategy = Strategy.RECURSIVE) -> str:
    """A finished chunking job of these files."""
    extraction = documents.extracted(caller, {name: text.encode() for name, text in texts.items()})
    return documents.finished(caller, extraction, strategy).job


def chunked_pages(caller: Caller, name: str, pages: Sequence[str]) -> str:
    """A finished chunking job of one file, in which each page is a chunk."""
    return documents.finished(caller, documents.extracted_pages(caller, name, pages), Strategy.PAGE).job


def begun(caller: Caller, chunking: str, index: VectorIndex) -> VectorizeJob:
    """A job whose files were handed to the workers, and which no worker has touched yet."""
    job = services.vectorize(caller, chunking, index.index)
    work.begin(caller.application, job.job)
    return services.job(caller, job.job)


def finished(caller: Caller, chunking: str, index: VectorIndex) -> VectorizeJob:
    """A job whose files have all been worked on."""
    job = begun(caller, chunking, index)
    for file in list(work.files_of(job)):
        work.vectorize(caller.application, job.job, file.name)
    return services.job(caller, job.job)


def found(caller: Caller, index: VectorIndex, query: str, mode: str = "hybrid", limit: int = 4) -> list[str]:
    """The texts that a search finds, best first."""
    return [hit.row.text for hit in services.search(caller, index.index, query, limit=limit, mode=services.Mode(mode))]
