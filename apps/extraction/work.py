"""What the workers of extraction do with the files of a started job. Everything here bears being repeated at any point."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO, Final

from apps.extraction.engine import engine
from apps.extraction.names import Kind, kind_of
from apps.extraction.records import ENDED, ExtractedFile, ExtractionJob, FileStatus
from apps.extraction.results import Page, Unreadable, encode_tables, encode_text, plain_text
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.errors import Conflict, NotFound, Problem, TooLarge
from foundation.settings import CHOSEN

QUEUE: Final = "extraction"
PATIENCE: Final = 60
PART: Final = 2**20
ATTEMPTS: Final = 100
UNUSABLE: Final[Mapping[type[Problem], str]] = {
    TooLarge: f"The file is larger than {CHOSEN.upload_limit_mb:,} MB. Split it, and upload its parts in a new job.",
    NotFound: "The file is not there any more. Upload it again in a new job.",
}


def hand_out(waiting: Iterable[ExtractedFile]) -> None:
    """Put each PENDING file out of reach of its upload URL and send it to the workers; other files are left alone.

    A file that is too large, or that is not there any more, ends as FAILED.
    """
    for file in waiting:
        if file.status is not FileStatus.PENDING:
            continue
        try:
            files.seal(file.upload, file.document, limit=CHOSEN.upload_limit_mb * 2**20)
        except (TooLarge, NotFound) as refused:
            _settle(file, FileStatus.FAILED, UNUSABLE[type(refused)])
            files.delete(file.upload)
            continue
        queues.send("extract_document", queue=QUEUE, application=file.application, job=file.job, file=file.name)
        moment = now()
        try:
            records.put(replace(file, status=FileStatus.QUEUED, queued=moment, updated=moment))
        except Conflict:
            continue  # a worker was faster; what it wrote is newer


def extract(application: str, identifier: str, name: str) -> None:
    """Read one document, keep its text and tables, and count it once, however often its message comes.

    What is wrong with the document is recorded on its file; what is wrong with the platform is raised and tried again.
    """
    target = records.get(ExtractionJob, application, identifier)
    file = records.get(ExtractedFile, application, identifier, name)
    if target is None or target.started is None or file is None or (file.status in ENDED and not file.abandoned):
        return
    client = directory.find(target.client)
    if client is not None and not client.active:
        _settle(file, FileStatus.FAILED, "The application was deactivated before this file was read.")
        return
    try:
        _read(file)
    except Unreadable as refused:
        _settle(file, FileStatus.FAILED, refused.reason)
    else:
        _settle(file, FileStatus.COMPLETED)


def abandon(application: str, identifier: str, name: str, reason: str) -> None:
    """Fail a file that the platform could not work on. A redriven message reads it again."""
    file = records.get(ExtractedFile, application, identifier, name)
    if file is not None and file.status not in ENDED:
        _settle(file, FileStatus.FAILED, f"The file could not be processed: {reason}", abandoned=True)


def _read(file: ExtractedFile) -> None:
    stored = files.find(file.document)
    if stored is None or not stored.size:
        raise Unreadable("The file is empty. Upload it again with its content.")
    with closing(files.open(file.document)) as document:
        if kind_of(file.name) is Kind.TEXT:
            pages: tuple[Page, ...] = (Page(1, ""),)
            files.write(file.text, plain_text(file.job, file.name, _parts(document)))
        else:
            pages = engine.extract(document, kind_of(file.name))
            files.write(file.text, encode_text(file.job, file.name, pages))
    files.write(file.tables, encode_tables(file.job, file.name, pages))


def _parts(document: BinaryIO) -> Iterator[bytes]:
    while part := document.read(PART):
        yield part


def _settle(file: ExtractedFile, status: FileStatus, reason: str | None = None, *, abandoned: bool = False) -> None:
    """Record how a file ended and count it in its job, both at once or neither; only the first end counts.

    A file that was abandoned may end once more, which moves it from one count to the other.
    """
    for _ in range(ATTEMPTS):
        target = records.get(ExtractionJob, file.application, file.job)
        current = records.get(ExtractedFile, file.application, file.job, file.name)
        if target is None or current is None or (current.status in ENDED and not current.abandoned):
            return
        moment = now()
        ended = replace(current, status=status, reason=reason, abandoned=abandoned, updated=moment)
        counted = replace(
            target,
            completed=target.completed + (status is FileStatus.COMPLETED),
            failed=target.failed + (status is FileStatus.FAILED) - (current.status is FileStatus.FAILED),
            updated=moment,
        )
        try:
            records.batch([counted, ended])
        except Conflict:
            continue
        return
    raise Conflict(f"{file.name} of job {file.job} is being changed by many at once; try again")
