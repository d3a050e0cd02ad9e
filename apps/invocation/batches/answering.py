"""How the lines of a part of a batch are answered: each by the very route of its URL, so that limits, guards, the cache and the
account hold for it as for a request of its own."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from asgiref.sync import async_to_sync
from msgspec import Raw

from apps.invocation.batches.lines import Line, LineFailure, LineResponse, LineResult
from apps.invocation.batches.records import Batch
from apps.invocation.gateway import routes
from apps.invocation.labels import LABELS, LONGEST_VALUE
from foundation.adapters import directory
from foundation.errors import Problem, TooMany, Unauthenticated, Unavailable
from foundation.hot import Reply, ResponseHeaders, Route, beside, handled
from foundation.identity import Caller
from foundation.visits import Visit

AT_ONCE: Final = 8  # lines of a part
PATIENCE: Final = 10.0  # seconds that a worker itself waits; what takes longer waits in the queue
INACTIVE: Final = "the application was deactivated before this was worked on"
WAITED_FOR: Final = (TooMany, Unavailable)  # an outage of a minute is not to fail what has a day
REPORTS: Final = ("x-ignored-parameters", "x-adjusted-parameters")
ROUTES: Final[Mapping[str, Route]] = {route.path: route for route in routes}


def answered(target: Batch, lines: Sequence[Line]) -> tuple[dict[int, LineResult], int | None]:
    """The results of lines by their places: of all, or of some and for how many seconds the others have to wait."""
    client = directory.find(target.client)
    if client is None or not client.active:
        why = LineFailure(Unauthenticated.code, INACTIVE)
        return {line.place: failed(target, line, why) for line in lines}, None
    return async_to_sync(answered_at_once)(target, lines)


async def answered_at_once(target: Batch, lines: Sequence[Line]) -> tuple[dict[int, LineResult], int | None]:
    """The same, of an application that may call: some of them at a time."""
    room, until = asyncio.Semaphore(AT_ONCE), time.monotonic() + PATIENCE
    results: dict[int, LineResult] = {}
    pauses: list[int] = []

    async def one(line: Line) -> None:
        async with room:
            if pauses:  # what keeps one back keeps back the others
                return
            got = await responded(target, line, until)
            if isinstance(got, LineResult):
                results[line.place] = got
            else:
                pauses.append(got)

    await asyncio.gather(*map(one, lines))
    return results, max(pauses, default=None)


async def responded(target: Batch, line: Line, until: float) -> LineResult | int:
    """A line as its route answers it. One over a limit, or whose model or the platform is away, is tried again; if that is
    after `until`, how many seconds from now."""
    route, caller = ROUTES[target.endpoint], Caller(target.application, target.client)
    headers = {LABELS: f"batch={target.batch},custom_id={as_label(line.custom_id)}"}
    while True:
        try:
            reply, unknown = await handled(route, Visit(), caller, line.body, headers)
            return responding(target, line, reply, unknown)
        except Problem as refusal:
            problem = refusal
        pause = problem.retry_after
        if not isinstance(problem, WAITED_FOR) or pause is None:  # None: no later moment is known to help
            return refused(target, line, route, problem)
        if time.monotonic() + pause > until:
            return pause
        await asyncio.sleep(pause)


def responding(target: Batch, line: Line, reply: Reply, unknown: ResponseHeaders) -> LineResult:
    """The result of a line that was answered."""
    body, headers, told = Raw(msgspec.json.encode(reply.body)), beside(reply), dict[str, str]()
    for name, value in ((name.decode(), value.decode("latin-1")) for name, value in (*headers, *unknown)):
        if name in REPORTS:
            told[name] = f"{told[name]},{value}" if name in told else value
    return result(target, line, LineResponse(200, request_id(dict(headers)), body, told))


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
