"""Every loop of work behind a queue as a row: how it is begun, what it comes to, and how it is told that it is over."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.chunking import services as chunkings
from apps.chunking import work as chunking
from apps.chunking.cuts import Strategy
from apps.extraction import services as extractions
from apps.invocation import services as invocations
from apps.invocation.batches import services as batches
from apps.invocation.batches.records import Batch, Results
from apps.invocation.invocations import Message, Request, Role, Text
from apps.invocation.records import AsyncInvocation, AsyncStatus
from apps.vectors import services as vectors
from foundation.adapters import directory, files, records
from foundation.identity import Caller
from foundation.records import Record
from tests.chunking import documents as chunked_documents
from tests.extraction import documents
from tests.vectors import indexes

DOCUMENTS = {"bad.json": b"{", "good.txt": b"one"}  # extraction takes both, chunking cannot cut the first
EXTRACTED = {"bad.txt": b"\xff", "good.txt": b"one"}
LINES = 21  # two parts


@dataclass(frozen=True)
class Loop:
    """One loop.

    prepared: what `made` begins with, made for a caller; good once, or ever again. made: the id of what is begun, through the
    service that HTTP calls. of: the record that says how it stands; its key is the application and the id. result: what a
    caller sees of it at its end, or None before. reasons: why what failed did so. kinds: the messages whose worker may be
    killed in a copy of this process.
    mends: whether a redriven message still brings about what the first did not.
    """

    queue: str
    of: type[Record]
    prepared: Callable[[Caller], Any]
    made: Callable[[Caller, Any], str]
    result: Callable[[Caller, str], Any]
    reasons: Callable[[Caller, str], Sequence[str | None]]
    kinds: tuple[str, ...]
    mends: bool = True
    once: bool = False


def extraction_result(caller: Caller, job: str) -> Any:
    found = extractions.job(caller, job)
    if found.status not in ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"):
        return None
    texts = [files.read(file.text) for file in extractions.files_of(found) if file.status == "COMPLETED"]
    return found.status, found.total, found.completed, found.failed, len(texts)


def extraction_reasons(caller: Caller, job: str) -> list[str | None]:
    return [file.reason for file in extractions.files_of(extractions.job(caller, job)) if file.status == "FAILED"]


def chunking_result(caller: Caller, job: str) -> Any:
    found = chunkings.job(caller, job)
    if found.status not in ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"):
        return None
    texts = [files.read(file.chunks) for file in chunking.files_of(found) if file.status == "COMPLETED"]
    return found.status, found.total, found.completed, found.failed, texts


def chunking_reasons(caller: Caller, job: str) -> list[str | None]:
    found = chunkings.job(caller, job)
    rows = [*chunking.files_of(found)]
    assert all(file.status != "QUEUED" for file in rows)
    return [file.reason for file in rows if file.status == "FAILED"] if rows else [found.reason]


def vectors_result(caller: Caller, job: str) -> Any:
    found = vectors.job(caller, job)
    if found.status not in ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"):
        return None
    return found.status, found.total, found.completed, found.failed


def vectors_reasons(caller: Caller, job: str) -> list[str | None]:
    rows = vectors.job_files(caller, job).items
    assert all(file.status != "QUEUED" for file in rows)
    return [file.reason for file in rows if file.status == "FAILED"] if rows else [vectors.job(caller, job).reason]


def lines(caller: Caller) -> str:
    """The file of a batch of an application that was deactivated: its lines end without a model, by the same steps."""
    content = (
        {"custom_id": f"{number}", "method": "POST", "url": "/v1/embeddings", "body": {"model": "none", "input": "x"}}
        for number in range(LINES)
    )
    kept = batches.keep_file(caller, "in.jsonl", [json.dumps(line).encode() + b"\n" for line in content])
    directory.set_active(caller.client, False)
    return kept.file


def batch_made(caller: Caller, file: str) -> str:
    return batches.create(caller, input_file=file, endpoint="/v1/embeddings", window="24h", metadata={}).batch


def batch_result(caller: Caller, batch: str) -> Any:
    found = batches.batch(caller, batch)
    if not found.is_over:
        return None
    if found.errors:
        return found.status
    kept = batches.file(caller, found.file_of(Results.ERRORS))
    content = b"".join(batches.content(kept))
    ids = [json.loads(line)["custom_id"] for line in content.splitlines()]
    return found.status, found.total, found.completed, found.failed, batches.size_of(kept) == len(content), ids


def batch_reasons(caller: Caller, batch: str) -> list[str | None]:
    found = batches.batch(caller, batch)
    if found.errors:
        return [error.message for error in found.errors]
    content = b"".join(batches.content(batches.file(caller, found.file_of(Results.ERRORS))))
    return [json.loads(line)["error"]["message"] for line in content.splitlines()]


def async_made(caller: Caller, model: str) -> str:
    directory.set_active(caller.client, False)
    return invocations.start_async(caller, Request(model, (Message(Role.USER, (Text("Hello."),)),))).invocation


def async_result(caller: Caller, invocation: str) -> Any:
    found = invocations.async_output(caller, invocation)
    return None if found.status is AsyncStatus.IN_PROGRESS else (found.status, found.output_text)


LOOPS = {
    "extraction": Loop(
        "extraction",
        extractions.ExtractionJob,
        lambda caller: documents.registered(caller, EXTRACTED),
        lambda caller, job: extractions.start_job(caller, job).job,
        extraction_result,
        extraction_reasons,
        ("extract_document",),
        once=True,
    ),
    "chunking": Loop(
        "chunking",
        chunkings.ChunkingJob,
        lambda caller: chunked_documents.extracted(caller, DOCUMENTS),
        lambda caller, extraction: chunkings.create_job(caller, extraction, Strategy.RECURSIVE).job,
        chunking_result,
        chunking_reasons,
        ("begin_chunking", "chunk_file"),
    ),
    "vectors": Loop(
        "vectors",
        vectors.VectorizeJob,
        lambda caller: (indexes.chunked(caller, {"a.txt": "Cats.", "b.txt": "Dogs."}), indexes.new_index(caller).index),
        lambda caller, both: vectors.vectorize(caller, *both).job,
        vectors_result,
        vectors_reasons,
        ("begin_vectorize_job",),
    ),
    "batches": Loop(
        "batches", Batch, lines, batch_made, batch_result, batch_reasons, ("begin_batch", "answer_part"), mends=False
    ),
    "invocation": Loop(
        "invocation",
        AsyncInvocation,
        lambda caller: "ANTHROPIC_CLAUDE_V2",
        async_made,
        async_result,
        lambda caller, invocation: [invocations.async_output(caller, invocation).error],
        (),  # what it puts on the account goes by a thread that a copy of a process does not have
        mends=False,
    ),
}


def of_caller(loop: Loop, caller: Caller) -> list[str]:
    """The ids of what a caller has begun by now."""
    return [str(getattr(each, loop.of.kind.key[1])) for each in records.query(loop.of, caller.application).items]
