"""Every use case of files and batches. Views come in here; the work of a batch is in work.

Everything is looked up under the caller: what is another's is not there. Lists go by ids, which begin with their time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar

from msgspec.structs import replace

from apps.invocation.batches.lines import ENDPOINTS
from apps.invocation.batches.records import OPENAI, Batch, BatchPart, BatchStatus, Purpose, Results, UploadedFile, source_of
from foundation.adapters import files, queues, records
from foundation.ambient import new_timed_id, now
from foundation.errors import Conflict, Invalid, InvalidValue, NotFound
from foundation.identity import Caller
from foundation.records import MAXIMUM_PAGE, Record, update
from foundation.together import together

QUEUE: Final = "batches"
LIFETIME: Final = timedelta(days=30)
WINDOWS: Final = {"24h": timedelta(hours=24)}
MOST_LISTED: Final = 998  # a page of the store, but for the one that was seen last and the one that says that there are more
LONGEST_ID: Final = 100
BEGUN_WITHIN: Final = 900  # seconds; a part that is sent twice may be answered, and paid for, twice
PIECE: Final = 2**20
R = TypeVar("R", bound=Record)


def keep_file(caller: Caller, name: str, content: Iterable[bytes], dialect: str = OPENAI) -> UploadedFile:
    """Keep the requests of a batch for 30 days; what is in them is looked at when the batch is made."""
    moment = now()
    sized = Sized(content)
    made = UploadedFile(caller.application, f"{dialect}file-{new_timed_id()}", moment, moment + LIFETIME, name, 0)
    files.write(made.path, sized)
    return records.put(replace(made, size=sized.size))


class Sized:
    """Parts of a content, counted as they go by."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self.content, self.size = content, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.content:
            self.size += len(part)
            yield part


def file(caller: Caller, identifier: str) -> UploadedFile:
    """One of the caller's files."""
    found = records.get(UploadedFile, caller.application, identifier) if is_id(identifier) else None
    if found is None:
        raise NotFound(f"No such File object: {identifier[:LONGEST_ID]}")
    return found


def size_of(kept: UploadedFile) -> int:
    """The bytes of a file at this moment."""
    if kept.purpose is Purpose.BATCH:
        return kept.size
    source = records.get(Batch, kept.application, kept.batch)
    return 0 if source is None else source.size(kept.results)


def listed_files(
    caller: Caller, *, purpose: str | None, after: str, limit: int, order: str
) -> tuple[Sequence[UploadedFile], bool]:
    """Some of the caller's files, and whether there are more; `order` asc or desc, by time."""
    prefix, index = ((caller.application, Purpose(purpose)), "by_purpose") if purpose else ((caller.application,), None)
    return listed(UploadedFile, prefix, index, "file", "file-", after, limit, ascending=order == "asc")


def content(kept: UploadedFile) -> Iterator[bytes]:
    """What a file holds at this moment, in pieces, never as a whole."""
    return pieces([kept.path] if kept.purpose is Purpose.BATCH else results_in(kept))


def results_in(kept: UploadedFile) -> Iterator[str]:
    """Where the results lie that a file has."""
    parts = parts_of(kept.application, kept.batch)
    return (part.results_of(kept.results) for part in parts if part.size(kept.results))


def parts_of(application: str, identifier: str) -> Iterator[BatchPart]:
    """The parts of a batch that have ended, in their order."""
    cursor = None
    while True:
        page = records.query(BatchPart, application, identifier, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def pieces(places: Iterable[str]) -> Iterator[bytes]:
    """The contents of files, one after the other."""
    for place in places:
        with files.open(place) as opened:
            while piece := opened.read(PIECE):
                yield piece


def delete_file(caller: Caller, identifier: str) -> UploadedFile:
    """Delete a file with what it holds. Invalid for results of a batch that is still worked on."""
    source = source_of(identifier)
    (gone, writing), parts = together(
        lambda: together(lambda: file(caller, identifier), lambda: records.get(Batch, caller.application, source)),
        lambda: [*parts_of(caller.application, source)],
    )
    if writing is not None and not writing.is_over:
        raise Invalid(f"{writing.batch} is still writing this file; cancel the batch, or wait for its end")
    if writing is not None and len(parts) < writing.parts:  # some may have ended between the two answers
        parts = [*parts_of(caller.application, source)]
    for place in [gone.path] if writing is None else [part.results_of(gone.results) for part in parts]:
        files.delete(place)
    records.delete(UploadedFile, gone.application, gone.file)
    return gone


def create(caller: Caller, *, input_file: str, endpoint: str, window: str, metadata: Mapping[str, str]) -> Batch:
    """Have workers answer every line of a file by the path `endpoint`, as if each were sent there on its own."""
    if endpoint not in ENDPOINTS:
        raise InvalidValue(f"endpoint must be one of {', '.join(ENDPOINTS)}", param="endpoint")
    source = file(caller, input_file)
    if source.purpose is not Purpose.BATCH:
        raise InvalidValue(f"{source.file} has the purpose {source.purpose}; it must be batch", param="input_file_id")
    return begun(caller, source, endpoint=endpoint, window=window, metadata=metadata)


def begun(
    caller: Caller, source: UploadedFile, *, endpoint: str, window: str, metadata: Mapping[str, str], dialect: str = OPENAI
) -> Batch:
    """A batch of the lines of a file, which workers begin."""
    moment = now()
    wanted = Batch(
        application=caller.application,
        batch=f"{dialect}batch_{new_timed_id()}",
        created=moment,
        expires=moment + LIFETIME,
        deadline=moment + WINDOWS[window],
        client=caller.client,
        endpoint=endpoint,
        input_file=source.file,
        window=window,
        metadata=metadata,
    )
    send(wanted, delay=BEGUN_WITHIN)  # it begins the batch if this process dies before it sends the next message
    made = records.put(wanted)
    send(made)
    return made


def send(target: Batch, delay: int = 0) -> None:
    """Have a worker begin the batch."""
    queues.send("begin_batch", queue=QUEUE, delay=delay, application=target.application, batch=target.batch)


def batch(caller: Caller, identifier: str, dialect: str = OPENAI) -> Batch:
    """One of the caller's batches as it is now."""
    found = records.get(Batch, caller.application, identifier) if is_id(identifier) else None
    if found is None or not found.batch.startswith(f"{dialect}batch_"):
        raise NotFound(f"No batch found with id '{identifier[:LONGEST_ID]}'")
    return found


def listed_batches(caller: Caller, *, after: str, limit: int) -> tuple[Sequence[Batch], bool]:
    """Some of the caller's batches, newest first, and whether there are more."""
    return listed(Batch, (caller.application,), None, "batch", "batch_", after, limit, ascending=False)


def cancel(caller: Caller, identifier: str, dialect: str = OPENAI) -> Batch:
    """Begin no more of a batch. What has begun ends, and its results stay. Invalid when the batch is over; a repeat is good."""
    asked = batch(caller, identifier, dialect)

    def cancelled(current: Batch) -> Batch | None:
        if current.is_over or current.finalizing is not None or current.cancelling is not None:
            return None
        return replace(current, cancelling=now())

    stored = update(records, Batch, asked.application, asked.batch, change=cancelled, known=asked) or asked
    if stored.cancelling is None or (stored.is_over and stored.status is not BatchStatus.CANCELLED):
        raise Invalid(f"Cannot cancel a batch with status '{stored.status}'.")
    return stored


def listed(
    kind: type[R], prefix: Sequence[object], index: str | None, field: str, ids: str, after: str, limit: int, *, ascending: bool
) -> tuple[Sequence[R], bool]:
    """At most `limit` records of a group whose ids, in `field`, begin with `ids` and come after the id `after`, and whether
    there are more."""
    limit = min(limit, MOST_LISTED)
    first, last = f"{ids}!", f"{ids}~"
    if after and not (is_id(after) and first <= after <= last):
        raise InvalidValue("after must be the id of the last one that was listed", param="after")
    between = (after or first, last) if ascending else (first, after or last)
    found = records.query(kind, *prefix, index=index, between=between, descending=not ascending, limit=limit + 2)
    rest = [each for each in found.items if getattr(each, field) != after]
    return rest[:limit], len(rest) > limit


def is_id(text: str) -> bool:
    """Whether this can be an id at all."""
    return 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable()


def show_results(target: Batch, results: Results, moment: datetime) -> None:
    """Have a file of results among the application's files; a repeat changes nothing."""
    name = f"{target.batch}_{results}.jsonl"
    made = UploadedFile(
        target.application, target.file_of(results), moment, target.expires, name, 0, Purpose.OUTPUT, target.batch
    )
    if records.get(UploadedFile, made.application, made.file) is None:
        with suppress(Conflict):
            records.put(made)
