"""What the workers of extraction do with the files of a started job. Everything here bears being repeated at any point."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from msgspec.structs import replace

from apps.extraction import line
from apps.extraction.engine import engine
from apps.extraction.names import Kind, kind_of
from apps.extraction.ports import Document, Engine, Extracted, Full, Pending
from apps.extraction.records import ExtractedFile, ExtractionJob, FileStatus
from apps.extraction.results import Page, Unreadable, encode_tables, encode_text, plain_text
from foundation.adapters import directory, files, records
from foundation.ambient import now
from foundation.errors import Conflict, NotFound, Problem, TooLarge
from foundation.records import update
from foundation.settings import CHOSEN
from foundation.tally import count
from foundation.together import each

PATIENCE: Final = 60
PART: Final = 2**20
OVERDUE: Final = timedelta(minutes=10)  # longer than any engine has a file wait
UNUSABLE: Final[Mapping[type[Problem], str]] = {
    TooLarge: f"The file is larger than {CHOSEN.upload_limit_mb:,} MB. Split it, and upload its parts in a new job.",
    NotFound: "The file is not there any more. Upload it again in a new job.",
}


def hand_out_now(application: str, registered: Iterable[ExtractedFile]) -> bool:
    """Put each file of a job that is started at this moment out of reach of its upload URL and send it to the workers, many of
    them at once. False when some are left for `hand_out`, which writes records: those that have to wait for others of their
    application, and those with which something is wrong.
    """
    has_line = line.moving.get(application)

    def sent(file: ExtractedFile) -> bool:
        try:
            files.seal(file.upload, file.document, limit=CHOSEN.upload_limit_mb * 2**20)
        except (TooLarge, NotFound):
            return False
        if _waits(file, has_line):
            return False
        line.call(file)
        files.delete(file.upload)
        return True

    return all(each(sent, registered))


def hand_out(application: str, started: datetime, waiting: Iterable[ExtractedFile]) -> None:
    """Put each PENDING file of a job that was started then out of reach of its upload URL and send it to the workers, many of
    them at once, or have it join those of its application that wait already; what was handed out before, and other files,
    are left alone. A file that is too large, or that is not there any more, ends as FAILED; one that was left so may not
    be counted yet.
    """
    has_line = line.moving.get(application)

    def sent(file: ExtractedFile) -> None:
        if _waits(file, has_line):
            line.join(file, started)
        else:
            line.call(file)

    chosen = (file for file in waiting if file.status in (FileStatus.PENDING, FileStatus.FAILED))
    each(lambda file: _handed_out(file, sent), chosen)


def is_handed_out(file: ExtractedFile) -> bool:
    """Whether a file of a started job was sent, or waits: its upload goes after that, and not before."""
    return files.find(file.upload) is None and files.find(file.document) is not None


def _waits(file: ExtractedFile, has_line: bool) -> bool:
    """Whether a file has to join its application's line, where there is one; text needs no engine."""
    return has_line and kind_of(file.name) is not Kind.TEXT


def _handed_out(file: ExtractedFile, send: Callable[[ExtractedFile], None]) -> None:
    if file.status is FileStatus.FAILED:
        return count(ExtractionJob, file)
    if is_handed_out(file):
        return None
    try:
        files.seal(file.upload, file.document, limit=CHOSEN.upload_limit_mb * 2**20)
    except (TooLarge, NotFound) as refused:
        _end(file, FileStatus.FAILED, UNUSABLE[type(refused)])
    else:
        send(file)
    return files.delete(file.upload)


def extract(application: str, identifier: str, name: str, turn: int = 0, *, reader: Engine = engine) -> None:
    """Read one document, keep its text and tables, and count it once, however often its message comes.

    Where the engine is not done, the next message is sent, to come when the engine says; no worker waits for it. Where it has
    no room, the document joins the line. `turn` is the message's number: of several copies one goes on.
    What is wrong with the document is recorded on its file; what is wrong with the platform is raised and tried again.
    """
    target = records.get(ExtractionJob, application, identifier)
    file = records.get(ExtractedFile, application, identifier, name)
    if target is None or target.started is None or file is None:
        return
    if file.ended:
        count(ExtractionJob, file)
        return
    if not _has_turn(file, turn):
        return
    try:
        if file.ticket is None:
            _check_active(target.client)
        outcome = _read(file, reader)
    except Unreadable as refused:
        reader.leave(file.file)
        _end(file, FileStatus.FAILED, refused.reason)
        return
    if isinstance(outcome, Full):
        line.join(file, target.started)
    elif isinstance(outcome, Pending):
        _again(file, outcome)
    else:
        _end(file, FileStatus.COMPLETED, outcome.remark)


def abandon(application: str, identifier: str, name: str, reason: str) -> None:
    """Fail a file that the platform could not work on. A redriven message reads it again."""
    file = records.get(ExtractedFile, application, identifier, name)
    if file is not None:
        _end(file, FileStatus.FAILED, f"The file could not be processed: {reason}", abandoned=True)


def _check_active(client: str) -> None:
    found = directory.find(client)
    if found is None or not found.active:
        raise Unreadable("The application was deactivated before this file was read.")


def _read(file: ExtractedFile, reader: Engine) -> Extracted | Pending | Full:
    """Keep what is in a document, unless its engine has to be asked again."""
    stored = files.find(file.document)
    if stored is None or not stored.size:
        raise Unreadable("The file is empty. Upload it again with its content.")
    kind = kind_of(file.name)
    if kind is Kind.TEXT:
        with closing(files.open(file.document)) as document:
            files.write(file.text, plain_text(file.job, file.name, _parts(document)))
        outcome = Extracted((Page(1, ""),))
    else:
        told = reader.read(Document(file.file, kind, file.document), file.ticket)
        if not isinstance(told, Extracted):
            return told
        outcome = told
        files.write(file.text, encode_text(file.job, file.name, outcome.pages))
    files.write(file.tables, encode_tables(file.job, file.name, outcome.pages))
    return outcome


def _has_turn(file: ExtractedFile, turn: int) -> bool:
    """Whether the message of this number goes on with the file. One before the last is a copy, and over. The last is a copy
    too, or its worker ended before it sent the next: it looks again when that would have come, and goes on if it did not.
    """
    if turn + 1 != file.turn:
        return turn == file.turn
    if now() - file.updated > OVERDUE:
        return True
    line.call(replace(file, turn=turn), int(OVERDUE.total_seconds()))
    return False


def _again(file: ExtractedFile, pending: Pending) -> None:
    """Remember with what the engine goes on, then send the next message; without that, and where somebody else has changed
    the file, the same message again.

    In this order: a worker that is killed in between has its message delivered again, and that finds the ticket.
    """
    following = file
    if pending.ticket is not None:
        with suppress(Conflict):
            following = records.put(replace(file, ticket=pending.ticket, turn=file.turn + 1, updated=now()))
    line.call(following, pending.seconds)


def _parts(document: BinaryIO) -> Iterator[bytes]:
    while part := document.read(PART):
        yield part


def _end(file: ExtractedFile, status: FileStatus, reason: str | None = None, *, abandoned: bool = False) -> None:
    """Record how a file ended, then count it. Its first end stays, but for an abandoned one, which may end once more."""

    def ended(current: ExtractedFile) -> ExtractedFile | None:
        if current.ended or (current.abandoned and abandoned):
            return None
        return replace(current, status=status, reason=reason, abandoned=abandoned or current.abandoned, updated=now())

    stored = update(records, ExtractedFile, file.application, file.job, file.name, change=ended, known=file)
    if stored is not None:
        count(ExtractionJob, stored)
