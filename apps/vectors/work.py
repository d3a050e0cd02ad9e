"""What the workers of vectors do with a job and its files. Everything here bears being repeated at any point."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from msgspec.structs import replace

from apps.chunking import services as chunkings
from apps.vectors.adapters import backend
from apps.vectors.embedding import embed
from apps.vectors.ports import Row, Shelf, Source, VectorRow
from apps.vectors.records import FileStatus, IndexName, VectorIndex, VectorizedFile, VectorizeJob, VectorStore
from foundation.adapters import directory, queues, records
from foundation.ambient import now
from foundation.errors import Conflict, NotFound, NotReady, TooMany, Unavailable
from foundation.identity import Caller
from foundation.messages import LONGEST_DELAY, delay_after
from foundation.records import MAXIMUM_PAGE, update
from foundation.tally import count

QUEUE: Final = "vectors"
SHOWN_AFTER: Final = 10  # seconds until a file's message looks again whether the index shows what was put into it
SHOWN_WITHIN: Final = timedelta(minutes=5)
TIDIED_AFTER: Final = 120  # seconds after which an index shows all that was put, and what two workers put can be told apart
MADE_WITHIN: Final = LONGEST_DELAY  # longer than it takes to make an index, which asks for an embedding first
PATIENCE: Final = 600  # seconds; longer than it takes to hand out all files
LIMITED_FOR: Final = timedelta(days=1)  # so long a job's files wait for a limit
RECORDS_AT_ONCE: Final = 100
TEXTS_AT_ONCE: Final = 32
ROWS_AT_ONCE: Final = 256

T = TypeVar("T")


def begin(application: str, identifier: str) -> None:
    """Enter every file that the chunking job completed, fix the job's total, then send the files to the workers.

    The total stands before the first file can be counted, so a job never looks complete too early. Nothing for a job that
    was never made.
    """
    target = records.get(VectorizeJob, application, identifier)
    if target is None or target.handed_out:
        return
    chunked = chunkings.completed_files(application, target.chunking_job)
    moment = now()
    for some in parts((VectorizedFile(application, identifier, file.name, moment) for file in chunked), RECORDS_AT_ONCE):
        _enter(some)
    if target.total < len(chunked):  # some were completed after the job was made

        def entered(job: VectorizeJob) -> VectorizeJob | None:
            return replace(job, total=len(chunked)) if job.total < len(chunked) else None

        update(records, VectorizeJob, application, identifier, change=entered)
    for file in files_of(target):
        if not file.ended:
            _send(file)
    update(records, VectorizeJob, application, identifier, change=lambda job: replace(job, handed_out=True, reason=None))


def abandon_begin(application: str, identifier: str, reason: str) -> None:
    """Fail a job whose files could not be handed out, and each file that has not ended, as nobody may know of it. A redriven
    message hands them out after all."""

    def refused(job: VectorizeJob) -> VectorizeJob | None:
        why = f"The files could not be handed out: {reason}"
        return None if job.handed_out else replace(job, reason=why, updated=now())

    target = update(records, VectorizeJob, application, identifier, change=refused)
    if target is not None and not target.handed_out:
        for file in files_of(target):
            abandon(application, identifier, file.name, reason)


def vectorize(application: str, identifier: str, name: str) -> None:
    """Put the chunks of one file into the index and count the file once, however often its message comes.

    It is done once searches find the chunks: where the index shows them late, the same message is sent again to look, so that
    no worker waits, and once more to remove what two workers have put. What is wrong with the file is recorded on it; what is
    wrong with the platform is raised and tried again. NotFound for a file that does not exist.
    """
    target = records.get(VectorizeJob, application, identifier)
    file = records.get(VectorizedFile, application, identifier, name)
    if target is None or file is None:
        raise NotFound("Vectorize job not found")
    if file.ended:
        _tidy(target, file)
        return count(VectorizeJob, file)
    try:
        worked = _vectorized(target, file)
    except TooMany as limited:
        return _wait(target, file, limited)
    if worked.shown_late:
        return _look_again(worked)
    count(VectorizeJob, _settled(file, worked))
    if worked.written is not None:
        _send(worked, TIDIED_AFTER)


def abandon(application: str, identifier: str, name: str, reason: str) -> None:
    """Fail a file that the platform could not work on. A redriven message vectorizes it after all."""
    file = records.get(VectorizedFile, application, identifier, name)
    if file is None:
        return
    why = f"The file could not be processed: {reason}"
    failed = replace(file, status=FileStatus.FAILED, reason=why, written=None, abandoned=True)
    count(VectorizeJob, file if file.ended else _settled(file, failed))


def remove_rest(application: str, store: str) -> None:
    """Remove what is left of a store that is gone: the rest of its indexes, and what was made in it while it was removed.
    Nothing while it is there."""
    if records.get(VectorStore, application, store) is not None:
        return
    backend().delete_store(application, store)
    while left := records.query(IndexName, application, store).items:
        for name in left:
            records.delete(VectorIndex, application, name.index)
            records.delete(IndexName, application, store, name.name)


def files_of(target: VectorizeJob) -> Iterator[VectorizedFile]:
    """Every file of a job, by name; there are no more than a chunking job holds."""
    cursor = None
    while True:
        found = records.query(VectorizedFile, target.application, target.job, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from found.items
        cursor = found.cursor
        if cursor is None:
            return


def parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    waiting = iter(items)
    while some := list(islice(waiting, size)):
        yield some


def row_id(source: Source, number: int) -> str:
    """The id of a chunk in an index: the same chunk has the same id on every repeat, and no other chunk has it."""
    place = "\x00".join((source.chunking_job, source.file, str(number)))
    return hashlib.blake2b(place.encode(), digest_size=16).hexdigest()


def rows_of(source: Source, chunks: Iterable[chunkings.Chunk]) -> Iterator[Row]:
    """The chunks as rows, numbered from 1. A blank chunk keeps its number and gives no row: there is nothing to find in it."""
    for number, chunk in enumerate(chunks, start=1):
        if chunk.text.strip():
            yield Row(row_id(source, number), chunk.text, source, chunk.page_number, number)


def _enter(rows: Sequence[VectorizedFile]) -> None:
    """Put the rows that are not there yet."""
    try:
        records.batch(rows)
    except Conflict:  # some were entered before, by a message that was delivered again
        for row in rows:
            with suppress(Conflict):
                records.put(row)


def _vectorized(target: VectorizeJob, file: VectorizedFile) -> VectorizedFile:
    """Put what the index lacks of the file into it; the file as it ends then, or as it is `written` and not shown yet."""
    client = directory.find(target.client)
    if client is None or not client.active:
        return _refused(file, "The application was deactivated before this file was vectorized.")
    index = records.get(VectorIndex, target.application, target.index)
    if index is None:
        return _refused(file, "The index was deleted before this file was vectorized.")
    source = Source(target.chunking_job, file.name)
    try:
        rows = tuple(rows_of(source, chunkings.chunks(target.application, target.chunking_job, file.name)))
    except (NotFound, NotReady):
        return _refused(file, "The file's chunks are not there any more. Chunk the file again.")
    shelf = Shelf(target.application, target.store, target.index)
    try:
        if file.written is None:
            _put(Caller(target.application, target.client), index, shelf, source, rows)
        backend().settle(shelf, source)
        shown = backend().present(shelf, source)
    except NotFound:
        return _refused(file, "The index was deleted while this file was vectorized.")
    if all(row.id in shown for row in rows):
        return replace(file, status=FileStatus.COMPLETED, vectors=len(rows), reason=None)
    if file.written is not None and now() - file.written > SHOWN_WITHIN:
        raise Unavailable("the vector store does not show what was put into it", retry_after=60)
    return replace(file, written=file.written or now())


def _look_again(file: VectorizedFile) -> None:
    """Remember that the file is written, and have its message come again."""

    def written(current: VectorizedFile) -> VectorizedFile | None:
        return None if current.written else replace(current, written=file.written)

    known = update(records, VectorizedFile, file.application, file.job, file.name, change=written)
    _send(file, SHOWN_AFTER if known is not None and not known.ended else TIDIED_AFTER)


def _wait(target: VectorizeJob, file: VectorizedFile, limited: TooMany) -> None:
    """Have the message of a file come again when its application is under the limit, which is no failed attempt; Unavailable
    where that is not known, or has taken too long."""
    if limited.retry_after is None or now() - target.created > LIMITED_FOR:
        raise Unavailable(limited.detail, retry_after=limited.retry_after) from limited
    _send(file, delay_after(limited.retry_after))


def _send(file: VectorizedFile, delay: int = 0) -> None:
    ids = {"application": file.application, "job": file.job, "file": file.name}
    queues.send("vectorize_file", queue=QUEUE, delay=delay, **ids)


def _tidy(target: VectorizeJob, file: VectorizedFile) -> None:
    """Have an index that shows its writes late keep each row of an ended file once."""
    if file.written is not None:
        with suppress(NotFound):  # the index was deleted since
            backend().settle(Shelf(target.application, target.store, target.index), Source(target.chunking_job, file.name))


def _put(caller: Caller, index: VectorIndex, shelf: Shelf, source: Source, rows: Sequence[Row]) -> None:
    """Embed and put the rows that are not in the index yet: a repeat goes on where it was cut off."""
    there = backend().present(shelf, source)
    for some in parts((row for row in rows if row.id not in there), ROWS_AT_ONCE):
        embedded: list[VectorRow] = []
        try:
            for few in parts(some, TEXTS_AT_ONCE):
                vectors = embed(caller, index.model, [row.text for row in few])
                embedded += [VectorRow(row, vector) for row, vector in zip(few, vectors, strict=True)]
        finally:  # what is paid for is kept, whatever ends it
            if embedded:
                backend().upsert(shelf, embedded)


def _refused(file: VectorizedFile, reason: str) -> VectorizedFile:
    return replace(file, status=FileStatus.FAILED, reason=reason, written=None)


def _settled(file: VectorizedFile, end: VectorizedFile) -> VectorizedFile:
    """The file as it ended. Its first end stays, but for an abandoned one, which may end once more."""

    def ended(current: VectorizedFile) -> VectorizedFile | None:
        if current.ended or (current.abandoned and end.status is FileStatus.FAILED):
            return None
        return replace(end, revision=current.revision, abandoned=end.abandoned or current.abandoned, updated=now())

    stored = update(records, VectorizedFile, file.application, file.job, file.name, change=ended, known=file)
    if stored is None:
        raise NotFound("Vectorize job not found")
    return stored
