"""What workers do with a batch: cut its file into parts, answer each part, count it once. All of it bears being repeated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from apps.invocation.batches import services
from apps.invocation.batches.answering import answered, failed
from apps.invocation.batches.lines import Line, LineFailure, LineResult, Reading, lines_of, parted, written
from apps.invocation.batches.records import Batch, BatchPart, LineError, Results, UploadedFile
from foundation.adapters import files, queues, records
from foundation.ambient import new_id, now, number_between
from foundation.errors import Conflict, NotFound, Unavailable
from foundation.messages import LONGEST_DELAY
from foundation.records import update
from foundation.settings import CHOSEN

ADDED: Final = ("completed", "failed", "expired", "cancelled", "output_size", "errors_size")  # of a part, to its batch
LATE: Final = LineFailure("batch_expired", "This request could not be executed before the completion window expired.")


def begin(application: str, identifier: str) -> None:
    """Look at every line of the file, cut it into parts, fix their number, then send the parts to the workers.

    A file with a wrong line fails the batch, and no line of it is answered. Nothing for a batch that was never made, or whose
    parts have been sent.
    """
    target = records.get(Batch, application, identifier)
    if target is None or target.is_over or target.handed_out:
        return
    if target.begun is None:
        target = cut(target)
    settle(target)
    done = {part.part for part in services.parts_of(application, identifier)}
    for part in range(target.parts):
        if part not in done:
            queues.send("answer_part", queue=services.QUEUE, application=application, batch=identifier, part=str(part))
    changed(target, lambda current: None if current.handed_out else replace(current, handed_out=True))


def abandon(application: str, identifier: str, reason: str) -> None:
    """Fail a batch that could not be begun, or those of its parts that may not have been sent."""
    target = records.get(Batch, application, identifier)
    if target is None or target.handed_out:
        return
    if target.begun is None:
        target = refuse(target, [LineError("unavailable", f"the batch could not be begun: {reason}")])
    for part in range(target.parts):
        abandon_part(application, identifier, part, reason)
    settle(target)


def cut(target: Batch) -> Batch:
    """The batch with its lines in parts, or failed with what is wrong with them."""
    reading = Reading(target.endpoint, CHOSEN.body_limit_mb * 2**20)
    source = records.get(UploadedFile, target.application, target.input_file)
    if source is None:
        return refuse(target, [LineError("file_not_found", f"the file {target.input_file} is not there any more")])
    total, parts = 0, 0
    if target.cancelling is None:
        with files.open(source.path) as opened:
            for lines, part in parted(reading.lines(opened)):
                files.write(target.input_of(parts), part)
                total, parts = total + lines, parts + 1
    if reading.errors:
        for written_before in range(parts):
            files.delete(target.input_of(written_before))
        return refuse(target, reading.errors)
    moment = now()

    def begun(current: Batch) -> Batch | None:
        return replace(current, begun=moment, total=total, parts=parts) if current.begun is None else None

    return changed(target, begun)


def refuse(target: Batch, errors: Sequence[LineError]) -> Batch:
    """The batch as failed with these errors."""
    moment, said = now(), tuple(errors)
    return changed(target, lambda current: None if current.is_over else replace(current, errors=said, finished=moment))


def answer(application: str, identifier: str, part: int) -> None:
    """Answer the lines of a part and count them, once however often its message comes.

    While the application is over a limit, or the model is away, the lines that are left wait in the queue, where they are in
    nobody's way.
    """
    target = found(application, identifier)
    known = ended(target, part)
    if known is not None:
        return counted(target, known)
    try:
        results, left = so_far(target, part)
    except NotFound:
        known = ended(target, part)
        if known is None:
            raise
        return counted(target, known)  # another worker has ended it since
    if target.cancelling is not None:
        return end(target, part, results, cancelled=len(left))
    if now() >= target.deadline:
        late = {line.place: failed(target, line, LATE) for line in left}
        return end(target, part, results | late, expired=len(left))
    new, pause = answered(target, left)
    if pause is not None:
        return wait(target, part, results | new, pause)
    return end(target, part, results | new)


def ended(target: Batch, part: int) -> BatchPart | None:
    """How a part has ended, if it has."""
    return records.get(BatchPart, target.application, target.batch, part)


def wait(target: Batch, part: int, results: Mapping[int, LineResult], pause: int) -> None:
    """Have the part come again after the pause, with the results that it has by now. The more parts are left, the wider are
    they spread, so that they do not all ask again at once."""
    files.write(target.progress_of(part), msgspec.json.encode(results))
    delay = min(LONGEST_DELAY, round(pause + number_between(0, target.parts - target.ended)))
    ids = {"application": target.application, "batch": target.batch, "part": str(part)}
    queues.send("answer_part", queue=services.QUEUE, delay=delay, **ids)


def so_far(target: Batch, part: int) -> tuple[dict[int, LineResult], Sequence[Line]]:
    """The results that a part has, by the places of their lines, and the lines that have none."""
    kept = target.progress_of(part)
    results = msgspec.json.decode(files.read(kept), type=dict[int, LineResult]) if files.find(kept) is not None else {}
    lines = lines_of(files.read(target.input_of(part)))
    return results, [line for line in lines if line.place not in results]


def abandon_part(application: str, identifier: str, part: int, reason: str) -> None:
    """Fail the lines of a part that the platform could not work on."""
    target = records.get(Batch, application, identifier)
    if target is None:
        return
    known = ended(target, part)
    if known is not None:
        return counted(target, known)
    why = LineFailure(Unavailable.code, f"the request could not be worked on: {reason}")
    results, left = so_far(target, part)
    return end(target, part, results | {line.place: failed(target, line, why) for line in left})


def end(target: Batch, part: int, results: Mapping[int, LineResult], *, expired: int = 0, cancelled: int = 0) -> None:
    """Write the results of a part under names of this attempt's own, then that they are its end, and count it. Where another
    worker has ended it meanwhile, that stays, and these go."""
    in_order = [result for _, result in sorted(results.items())]
    good = [result for result in in_order if result.is_good]
    bad = [result for result in in_order if not result.is_good]
    contents = {Results.OUTPUT: written(good), Results.ERRORS: written(bad)}
    made = BatchPart(
        target.application,
        target.batch,
        part,
        attempt=new_id(),
        expires=target.expires,
        completed=len(good),
        failed=len(bad) - expired,
        expired=expired,
        cancelled=cancelled,
        output_size=len(contents[Results.OUTPUT]),
        errors_size=len(contents[Results.ERRORS]),
    )
    for kind, content in contents.items():
        if content:
            files.write(made.results_of(kind), content)
    try:
        known = records.put(made)
    except Conflict:
        for kind in contents:
            files.delete(made.results_of(kind))
        known = ended(target, part) or made
    counted(target, known)


def counted(target: Batch, part: BatchPart) -> None:
    """Add the end of a part to its batch, once, and end the batch with the last."""
    for results in Results:
        if part.size(results):
            services.show_results(target, results, now())
    by = {"ended": 1, **{name: value for name in ADDED if (value := getattr(part, name))}}
    settle(records.increment(Batch, target.application, target.batch, by=by, once=f"part {part.part}"))
    files.delete(target.progress_of(part.part))
    files.delete(target.input_of(part.part))


def settle(target: Batch) -> None:
    """Write down the end of a batch all of whose parts have ended."""
    if target.begun is None or target.is_over or target.ended < target.parts:
        return
    moment = now()

    def finished(current: Batch) -> Batch | None:
        return None if current.is_over else replace(current, finalizing=moment, finished=moment)

    changed(target, finished)


def found(application: str, identifier: str) -> Batch:
    """The batch of a message."""
    target = records.get(Batch, application, identifier)
    if target is None:
        raise NotFound(f"there is no batch {identifier}")
    return target


def changed(target: Batch, change: Callable[[Batch], Batch | None]) -> Batch:
    """The batch as it is stored after a change that may be None, for none."""
    return update(records, Batch, target.application, target.batch, change=change) or target
