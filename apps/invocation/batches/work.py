"""What workers do with a batch: cut its file into parts, answer each part, count it once. All of it bears being repeated.

Each line is answered by the very route of its URL, so that limits, guards, the cache and the account hold for it as for a
request of its own.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Final

import msgspec
from asgiref.sync import async_to_sync
from msgspec import Raw, Struct

from apps.invocation.batches import services
from apps.invocation.batches.lines import Line, LineFailure, LineResponse, LineResult, Reading, lines_of, parted, written
from apps.invocation.batches.records import Batch, LineError, Results, UploadedFile
from apps.invocation.gateway import routes
from apps.invocation.labels import LABELS, LONGEST_VALUE
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.endpoint import as_problem
from foundation.errors import NotFound, Problem, TooMany, Unauthenticated, Unavailable
from foundation.hot import Reply, Route, beside, converted
from foundation.identity import Caller
from foundation.records import update
from foundation.settings import CHOSEN

AT_ONCE: Final = 8  # lines of a part
PATIENCE: Final = 600.0  # seconds that the lines of a part wait, all together, for limits that they are over
INACTIVE: Final = "the application was deactivated before this was worked on"
LATE: Final = LineFailure("batch_expired", "This request could not be executed before the completion window expired.")
ROUTES: Final[Mapping[str, Route]] = {route.path: route for route in routes}


class Outcome(Struct, frozen=True):
    """What became of the lines of a part, in numbers that are added to those of its batch."""

    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    output_size: int = 0
    errors_size: int = 0


def begin(application: str, identifier: str) -> None:
    """Look at every line of the file, cut it into parts, fix their number, then send the parts to the workers.

    A file with a wrong line fails the batch, and no line of it is answered.
    """
    target = found(application, identifier)
    if target.is_over:
        return
    if target.begun is None:
        target = cut(target)
    settle(target)
    for part in range(target.parts):
        if files.find(target.outcome_of(part)) is None:
            queues.send("answer_part", queue=services.QUEUE, application=application, batch=identifier, part=str(part))


def abandon(application: str, identifier: str, reason: str) -> None:
    """Fail a batch that could not be begun."""
    target = records.get(Batch, application, identifier)
    if target is not None and target.begun is None:
        refuse(target, [LineError("unavailable", f"the batch could not be begun: {reason}")])


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
    """Answer the lines of a part and count them, once however often its message comes."""
    target = found(application, identifier)
    if files.find(target.outcome_of(part)) is None:
        lines = lines_of(files.read(target.input_of(part)))
        if target.cancelling is not None:
            keep(target, part, Outcome(cancelled=len(lines)))
        elif now() >= target.deadline:
            keep(target, part, results=[failed(target, line, LATE) for line in lines], outcome=Outcome(expired=len(lines)))
        else:
            end(target, part, answered(target, lines))
    counted(target, part)


def abandon_part(application: str, identifier: str, part: int, reason: str) -> None:
    """Fail the lines of a part that the platform could not work on."""
    target = records.get(Batch, application, identifier)
    if target is None:
        return
    if files.find(target.outcome_of(part)) is None:
        why = LineFailure(Unavailable.code, f"the request could not be worked on: {reason}")
        end(target, part, [failed(target, line, why) for line in lines_of(files.read(target.input_of(part)))])
    counted(target, part)


def end(target: Batch, part: int, results: Sequence[LineResult]) -> None:
    """Keep the results of a part, each line of which was completed or failed."""
    good = sum(result.is_good for result in results)
    keep(target, part, Outcome(completed=good, failed=len(results) - good), results)


def keep(target: Batch, part: int, outcome: Outcome, results: Sequence[LineResult] = ()) -> None:
    """Write the results of a part, each kind where it belongs, then its outcome."""
    output = written(result for result in results if result.is_good)
    errors = written(result for result in results if not result.is_good)
    for kind, content in ((Results.OUTPUT, output), (Results.ERRORS, errors)):
        if content:
            files.write(target.results_of(kind, part), content)
    whole = msgspec.structs.replace(outcome, output_size=len(output), errors_size=len(errors))
    files.write(target.outcome_of(part), msgspec.json.encode(whole))


def counted(target: Batch, part: int) -> None:
    """Add the outcome of a part to its batch, once, and end the batch with the last."""
    outcome = msgspec.json.decode(files.read(target.outcome_of(part)), type=Outcome)
    for results, size in ((Results.OUTPUT, outcome.output_size), (Results.ERRORS, outcome.errors_size)):
        if size:
            services.show_results(target, results, now())
    by = {"ended": 1, **{name: value for name, value in msgspec.structs.asdict(outcome).items() if value}}
    settle(records.increment(Batch, target.application, target.batch, by=by, once=f"part {part}"))
    files.delete(target.input_of(part))


def settle(target: Batch) -> None:
    """Write down the end of a batch all of whose parts have ended."""
    if target.begun is None or target.is_over or target.ended < target.parts:
        return
    moment = now()

    def finished(current: Batch) -> Batch | None:
        return None if current.is_over else replace(current, finalizing=moment, finished=moment)

    changed(target, finished)


def answered(target: Batch, lines: Sequence[Line]) -> Sequence[LineResult]:
    """The results of lines, in their order."""
    client = directory.find(target.client)
    if client is None or not client.active:
        return [failed(target, line, LineFailure(Unauthenticated.code, INACTIVE)) for line in lines]
    return async_to_sync(answered_at_once)(target, lines)


async def answered_at_once(target: Batch, lines: Sequence[Line]) -> Sequence[LineResult]:
    """The same, of an application that may call: some of them at a time."""
    room, until = asyncio.Semaphore(AT_ONCE), time.monotonic() + PATIENCE

    async def one(line: Line) -> LineResult:
        async with room:
            return await responded(target, line, until)

    return await asyncio.gather(*map(one, lines))


async def responded(target: Batch, line: Line, until: float) -> LineResult:
    """A line as its route answers it. One over a limit that says until when waits, as long as that is before `until`."""
    route, caller = ROUTES[target.endpoint], Caller(target.application, target.client)
    headers = {LABELS: f"batch={target.batch},custom_id={as_label(line.custom_id)}"}
    for _ in count():
        try:
            return responding(target, line, await route.handler(caller, converted(line.body, route.request), headers))
        except Exception as raised:
            problem = as_problem(raised, route.path)
        pause = problem.retry_after
        if not isinstance(problem, TooMany) or pause is None or time.monotonic() + pause > until:
            break
        await asyncio.sleep(pause)
    return refused(target, line, route, problem)


def responding(target: Batch, line: Line, reply: Reply) -> LineResult:
    """The result of a line that was answered."""
    body = Raw(msgspec.json.encode(reply.body))
    return result(target, line, LineResponse(200, request_id(dict(beside(reply))), body))


def refused(target: Batch, line: Line, route: Route, problem: Problem) -> LineResult:
    """The result of a line that was refused, in the words of its route's dialect."""
    status, body = route.failure(problem)
    return result(target, line, LineResponse(status, request_id(dict(problem.headers)), Raw(msgspec.json.encode(body))))


def failed(target: Batch, line: Line, why: LineFailure) -> LineResult:
    """The result of a line that no route has seen."""
    return result(target, line, None, why)


def result(target: Batch, line: Line, response: LineResponse | None, error: LineFailure | None = None) -> LineResult:
    """The line of a result; its id is the same in every repeat."""
    return LineResult(f"batch_req_{target.batch.removeprefix('batch_')}_{line.place}", line.custom_id, response, error)


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """The id under which a call is on the account."""
    return headers.get(b"x-request-id", b"").decode()


def as_label(custom_id: str) -> str:
    """A custom_id as the value of a label, in whose header a comma ends it."""
    return custom_id.replace("%", "%25").replace(",", "%2C")[:LONGEST_VALUE]


def found(application: str, identifier: str) -> Batch:
    """The batch of a message."""
    target = records.get(Batch, application, identifier)
    if target is None:
        raise NotFound(f"there is no batch {identifier}")
    return target


def changed(target: Batch, change: Callable[[Batch], Batch | None]) -> Batch:
    """The batch as it is stored after a change that may be None, for none."""
    return update(records, Batch, target.application, target.batch, change=change) or target
