"""What the workers of chunking do with a job and its files. Everything here bears being repeated at any point."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec
from msgspec.structs import replace

from apps.chunking.cuts import Chunk, Sizes
from apps.chunking.records import ChunkedFile, ChunkingJob, FileStatus
from apps.chunking.splitters import ALWAYS_ALLOWED, GROWTH, splitter_for
from apps.extraction import services as extractions
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.errors import Conflict, Invalid, NotFound, NotReady
from foundation.records import MAXIMUM_PAGE, update
from foundation.tally import count

QUEUE: Final = "chunking"
BATCH: Final = 100


def begin(application: str, identifier: str) -> None:
    """Enter every file that the extraction job completed, fix the job's total, then send the files to the workers.

    The total stands before the first file can be counted, so a job never looks complete too early. Nothing for a job that
    was never made, or whose files have been sent.
    """
    target = records.get(ChunkingJob, application, identifier)
    if target is None or target.handed_out:
        return
    named = [file.name for file in extractions.completed_files(application, target.extraction)]
    moment = now()
    _enter([ChunkedFile(application, identifier, name, moment) for name in named])

    if target.total < len(named):  # some were completed after the job was made

        def entered(job: ChunkingJob) -> ChunkingJob | None:
            return replace(job, total=len(named)) if job.total < len(named) else None

        update(records, ChunkingJob, application, identifier, change=entered)
    for file in files_of(target):
        if not file.ended:
            queues.send("chunk_file", queue=QUEUE, application=application, job=identifier, file=file.name)

    def sent(job: ChunkingJob) -> ChunkingJob | None:
        return None if job.handed_out else replace(job, waiting=None, reason=None, updated=moment)

    update(records, ChunkingJob, application, identifier, change=sent)


def abandon_begin(application: str, identifier: str, reason: str) -> None:
    """Fail a job whose files could not be handed out, and each file that has not ended, as nobody may know of it. A redriven
    message hands them out after all."""

    def refused(job: ChunkingJob) -> ChunkingJob | None:
        why = f"The files could not be handed out: {reason}"
        return replace(job, waiting=None, reason=why, updated=now()) if job.waiting is not None else None

    target = update(records, ChunkingJob, application, identifier, change=refused)
    if target is not None and not target.handed_out:
        for file in files_of(target):
            abandon(application, identifier, file.name, reason)


def chunk(application: str, identifier: str, name: str) -> None:
    """Cut one file and count it once, however often its message comes.

    What is wrong with the file is recorded on it; what is wrong with the platform is raised and tried again. NotFound for a
    file that does not exist.
    """
    target = _job(application, identifier)
    file = records.get(ChunkedFile, application, identifier, name)
    if file is None:
        raise NotFound("Results not found")
    if not file.ended:
        reason = _cut(target, file)
        file = _settled(file, FileStatus.FAILED if reason else FileStatus.COMPLETED, reason, abandoned=False)
    count(ChunkingJob, file)


def abandon(application: str, identifier: str, name: str, reason: str) -> None:
    """Fail a file that the platform could not work on. A redriven message cuts it after all."""
    file = records.get(ChunkedFile, application, identifier, name)
    if file is not None:
        why = f"The file could not be processed: {reason}"
        count(ChunkingJob, file if file.ended else _settled(file, FileStatus.FAILED, why, abandoned=True))


def files_of(target: ChunkingJob) -> Iterator[ChunkedFile]:
    """Every file of a job, by name; there are no more than an extraction job holds."""
    cursor = None
    while True:
        found = records.query(ChunkedFile, target.application, target.job, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from found.items
        cursor = found.cursor
        if cursor is None:
            return


def encoded(chunks: Iterable[Chunk], limit: int) -> Iterator[bytes]:
    """The chunk file of these chunks, never held as a whole; Invalid when it would be longer than `limit` bytes."""
    encoder, size, before = msgspec.json.Encoder(), 0, b"["
    for each in chunks:
        part = before + encoder.encode(each)
        size, before = size + len(part), b","
        if size > limit:
            raise Invalid(
                f"The file's chunks would take more than {limit:,} bytes, far more than its text. "
                "Choose a larger chunk_size or a smaller chunk_overlap."
            )
        yield part
    yield b"]" if size else b"[]"


def _job(application: str, identifier: str) -> ChunkingJob:
    target = records.get(ChunkingJob, application, identifier)
    if target is None:
        raise NotFound("Chunking job not found")
    return target


def _enter(rows: list[ChunkedFile]) -> None:
    """Put the rows that are not there yet."""
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        try:
            records.batch(some)
        except Conflict:  # some were entered before, by a message that was delivered again
            for row in some:
                with suppress(Conflict):
                    records.put(row)


def _cut(target: ChunkingJob, file: ChunkedFile) -> str | None:
    """Write the file's chunks; what is wrong with the file if that cannot be done."""
    client = directory.find(target.client)
    if client is None or not client.active:
        return "The application was deactivated before this file was chunked."
    try:
        pages = extractions.pages(target.application, target.extraction, file.name)
    except (NotFound, NotReady):
        return "The file's extracted text is not there any more. Extract the file again."
    split, sizes = splitter_for(file.name, target.strategy), target.sizes or Sizes()
    chunks = (Chunk(cut.text, page.number, cut.start, cut.end) for page in pages for cut in split(page.text, sizes))
    allowed = max(ALWAYS_ALLOWED, GROWTH * sum(len(page.text) for page in pages))
    try:
        files.write(file.chunks, encoded(chunks, allowed))
    except Invalid as wrong:
        return wrong.detail
    return None


def _settled(file: ChunkedFile, status: FileStatus, reason: str | None, *, abandoned: bool) -> ChunkedFile:
    """The file as it ended. Its first end stays, but for an abandoned one, which may end once more."""

    def ended(current: ChunkedFile) -> ChunkedFile | None:
        if current.ended or (current.abandoned and abandoned):
            return None
        return replace(current, status=status, reason=reason, abandoned=abandoned or current.abandoned, updated=now())

    stored = update(records, ChunkedFile, file.application, file.job, file.name, change=ended, known=file)
    if stored is None:
        raise NotFound("Results not found")
    return stored
