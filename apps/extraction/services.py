"""Every use case of extraction. Views, tasks, commands and other capabilities come in here."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from apps.extraction import line, names, work
from apps.extraction.engine import engine
from apps.extraction.ports import QUEUE
from apps.extraction.records import FINISHED, ExtractedFile, ExtractionJob, FileStatus, JobStatus
from apps.extraction.results import Page, decode_text
from foundation.adapters import files, queues, records
from foundation.ambient import new_hex_id, new_id, now
from foundation.errors import Conflict, Invalid, NotFound, NotReady
from foundation.identity import Caller
from foundation.records import MAXIMUM_PAGE
from foundation.records import Page as Listing
from foundation.settings import CHOSEN
from foundation.together import each, together

__all__ = ["ExtractedFile", "ExtractionJob", "JobStatus", "Page"]  # what other capabilities see of extraction's values

MAXIMUM_FILES: Final = 10_000
MOST_AT_ONCE: Final = 100
LONGEST_ID: Final = 100
ATTEMPTS: Final = 100
ALREADY_STARTED: Final = "Job is either already started or completed. Please create a new job."


@dataclass(frozen=True, slots=True)
class Registered:
    """A file that may now be uploaded, and where to."""

    file: ExtractedFile
    upload_url: str


@dataclass(frozen=True, slots=True)
class Result:
    """A file, and, when it is COMPLETED, where its text and tables can be fetched."""

    file: ExtractedFile
    text_url: str | None
    tables_url: str | None


def create_job(caller: Caller) -> ExtractionJob:
    """A new job without files. Safe to call again: it makes another job."""
    moment = now()
    return records.put(ExtractionJob(caller.application, new_id(), caller.client, created=moment, updated=moment))


def job(owner: Caller | str, identifier: str) -> ExtractionJob:
    """The job of a caller, or of an application by its id, as it is now; NotFound when it has no such job."""
    application = owner.application if isinstance(owner, Caller) else owner
    found = records.get(ExtractionJob, application, identifier) if _is_id(identifier) else None
    if found is None:
        raise NotFound("Extraction job not found")
    return found


def jobs(
    application: str, *, between: tuple[datetime, datetime] | None = None, limit: int = 100, cursor: str | None = None
) -> Listing[ExtractionJob]:
    """An application's jobs, newest first; `between` bounds when they were created, both ends included."""
    return records.query(
        ExtractionJob, application, index="by_created", between=between, descending=True, limit=limit, cursor=cursor
    )


def register_file(caller: Caller, identifier: str, name: str) -> Registered:
    """Add a file to a job that has not started, and give the URL that takes its content.

    The file and the job's total change together or not at all, so the total is exact whoever registers at once.
    Invalid for a started or full job, a name that is not taken, and a name that the job has already.
    """
    for _ in range(ATTEMPTS):
        target, is_taken = together(lambda: job(caller, identifier), lambda: _has(caller, identifier, name))
        if target.status is not JobStatus.CREATED:
            raise Invalid("Job is already started or completed. Please create a new job.")
        names.check(name)
        if target.total >= MAXIMUM_FILES:
            raise Invalid(f"A job holds at most {MAXIMUM_FILES:,} files. Please create a new job.")
        if is_taken:
            raise Invalid("A file with the same name is already registered for this job")
        moment = now()
        file = ExtractedFile(target.application, target.job, name, new_hex_id(), updated=moment)
        try:
            records.batch([replace(target, total=target.total + 1, updated=moment), file])
        except Conflict:
            continue
        return Registered(file, files.upload_url(file.upload, limit=CHOSEN.upload_limit_mb * 2**20))
    raise Conflict("the job is being changed by many at once; try again")


def start_job(caller: Caller, identifier: str) -> ExtractionJob:
    """Hand every file of a job to the workers, once: of two calls at once one starts it, the other is refused.

    Invalid when it was started before, has no files, or a file was not uploaded. Of a job of at most MOST_AT_ONCE files
    upload URLs are dead on return; a larger one is handed out by a worker, as nobody could wait for it, and so is what has
    to wait for other documents. When this process dies in between, a message sent beforehand hands out the rest.
    """
    for _ in range(ATTEMPTS):
        target, registered = together(lambda: job(caller, identifier), lambda: _registered(caller, identifier))
        if target.status is not JobStatus.CREATED:
            raise Invalid(ALREADY_STARTED)
        if len(registered) != target.total:
            continue  # a file was registered between the two answers
        missing = not_uploaded(registered)
        if missing:
            if job(caller, identifier).status is not JobStatus.CREATED:
                continue  # another call has started it meanwhile, and moved them
            raise Invalid(f"Files not uploaded: {', '.join(missing)}")
        if not registered:
            raise Invalid("No files registered for the job. Register a file and upload it first.")
        ids = {"application": target.application, "job": target.job}
        queues.send("hand_out_documents", queue=QUEUE, delay=work.PATIENCE, **ids)
        moment = now()
        try:
            started = records.put(replace(target, started=moment, updated=moment))
        except Conflict:
            continue
        if len(registered) > MOST_AT_ONCE or not work.hand_out_now(target.application, registered):
            queues.send("hand_out_documents", queue=QUEUE, delay=0, **ids)
        return started
    raise Conflict("the job is being changed by many at once; try again")


def not_uploaded(registered: Sequence[ExtractedFile]) -> list[str]:
    """The names of those whose content is not there; many are asked for at once, as each may be a call to another machine."""
    found = each(files.find, (file.upload for file in registered))
    return [file.name for file, stored in zip(registered, found, strict=True) if stored is None]


def files_of(target: ExtractionJob) -> Iterator[ExtractedFile]:
    """Every file of a job, by name; there are at most MAXIMUM_FILES."""
    return _files(target.application, target.job)


def _files(application: str, identifier: str) -> Iterator[ExtractedFile]:
    cursor = None
    while True:
        found = records.query(ExtractedFile, application, identifier, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from found.items
        cursor = found.cursor
        if cursor is None:
            return


def hand_out_rest(application: str, identifier: str) -> None:
    """Hand out what a start that was cut off left behind; nothing for a job that did not start."""
    target = records.get(ExtractionJob, application, identifier)
    if target is not None and target.started is not None:
        work.hand_out(target.application, target.started, files_of(target))


def abandon_rest(application: str, identifier: str, reason: str) -> None:
    """Fail every file of a started job that could not be handed out, and count those that failed, so that the job ends."""
    target = records.get(ExtractionJob, application, identifier)
    if target is None or target.started is None:
        return
    for file in files_of(target):
        if file.status is FileStatus.FAILED or (file.status is FileStatus.PENDING and not work.is_handed_out(file)):
            work.abandon(application, identifier, file.name, reason)


def extract_document(application: str, identifier: str, name: str, turn: int = 0) -> None:
    """Read one document of a started job and count it once, however often its message comes; see work.extract."""
    work.extract(application, identifier, name, turn)


def let_in(application: str, turn: int) -> None:
    """Let in those documents of an application that wait, as far as there is room; see line.let_in."""
    line.let_in(application, turn, engine)


def look_again(application: str, turn: int) -> None:
    """Though a message that lets documents in was given up on, another one comes later."""
    line.look_after(application, turn, line.LATER)


def abandon_document(application: str, identifier: str, name: str, reason: str) -> None:
    """Fail one document that the platform could not work on; see work.abandon."""
    work.abandon(application, identifier, name, reason)


def job_files(
    caller: Caller, identifier: str, *, limit: int = MAXIMUM_PAGE, cursor: str | None = None
) -> Listing[ExtractedFile]:
    """A page of a job's files, by name."""
    target = job(caller, identifier)
    listed = records.query(ExtractedFile, target.application, target.job, limit=limit, cursor=cursor)
    return Listing(tuple(file.seen(target) for file in listed.items), listed.cursor)


def file_result(caller: Caller, identifier: str, name: str) -> Result:
    """One file of a job, with URLs of its results when it is COMPLETED; NotFound names what is missing."""
    target = job(caller, identifier)
    return _result(_file(target.application, target.job, name).seen(target))


def job_results(caller: Caller, identifier: str, *, limit: int = MAXIMUM_PAGE, cursor: str | None = None) -> Listing[Result]:
    """The results of a finished job's COMPLETED files, by name; NotReady before it has finished."""
    try:
        target = job(caller, identifier)
    except NotFound as missing:
        raise NotFound("Job ID not found") from missing
    if target.status not in FINISHED:
        raise NotReady("Job is not completed yet")
    listed = records.query(ExtractedFile, target.application, target.job, limit=limit, cursor=cursor)
    completed = (file for file in listed.items if file.status is FileStatus.COMPLETED)
    return Listing(tuple(_result(file) for file in completed), listed.cursor)


def completed_files(owner: Caller | str, identifier: str) -> tuple[ExtractedFile, ...]:
    """The COMPLETED files of a finished job, by name; each has `name`. For the capabilities that build on extraction.

    NotFound when the owner has no such job, NotReady while it runs.
    """
    target = job(owner, identifier)
    if target.status not in FINISHED:
        raise NotReady("Extraction job is not in COMPLETED or COMPLETED_WITH_ERRORS state")
    return tuple(file for file in files_of(target) if file.status is FileStatus.COMPLETED)


def pages(application: str, identifier: str, name: str) -> tuple[Page, ...]:
    """The pages of one COMPLETED file: `number` from 1, `text`. For the capabilities that build on extraction.

    NotFound when there is no such job or file, NotReady when the file is not COMPLETED.
    """
    target = job(application, identifier)
    file = _file(target.application, target.job, name)
    if file.status is not FileStatus.COMPLETED:
        raise NotReady(f"The extraction of {name} is not completed")
    return decode_text(files.read(file.text))


def _is_id(identifier: str) -> bool:
    return bool(identifier) and len(identifier) <= LONGEST_ID


def _registered(caller: Caller, identifier: str) -> tuple[ExtractedFile, ...]:
    return tuple(_files(caller.application, identifier)) if _is_id(identifier) else ()


def _has(caller: Caller, identifier: str, name: str) -> bool:
    """Whether a job has a file of this name; it has none of a name that is not taken."""
    with suppress(Invalid):
        names.check(name)
        return records.get(ExtractedFile, caller.application, identifier, name) is not None
    return False


def _file(application: str, identifier: str, name: str) -> ExtractedFile:
    found = records.get(ExtractedFile, application, identifier, name) if len(name.encode()) <= names.MAXIMUM_BYTES else None
    if found is None:
        raise NotFound("File not found")
    return found


def _result(file: ExtractedFile) -> Result:
    if file.status is not FileStatus.COMPLETED:
        return Result(file, None, None)
    return Result(file, files.download_url(file.text), files.download_url(file.tables))
