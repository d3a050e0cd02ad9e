"""Async routes that stand in front of Django: what a Django request costs is more than all of their own work.

They have the same identity, errors and document as the rest; only parsing and rendering are msgspec's instead of DRF's.
"""

import asyncio
import re
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

import msgspec

from foundation.ambient import new_timed_id
from foundation.body import Receive, issue, limit_of, parsed, whole, within
from foundation.endpoint import as_problem, failure_at
from foundation.errors import MethodNotAllowed, Problem, Unprocessable, allow
from foundation.identity import Caller, credential, identified
from foundation.leaving import Left, unless_left
from foundation.unread import named, unread
from foundation.visits import Headers, Refused, Visit

Scope = MutableMapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

# The fields of wire.py for the shapes of hot routes: a whole number of 64 bits, and a number that is finite.
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]

MANY_SLASHES: Final = re.compile("/{2,}")
PATH_TO_FIELD: Final = re.compile(r"`\$((?:\.|\[)[^`]*)`")
EVENTS: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))
REQUEST_ID: Final = b"x-request-id"
METHODS: Final = ("POST",)
STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


ResponseHeaders = Sequence[tuple[bytes, bytes]]


class Reply(msgspec.Struct, frozen=True):
    """What a handler answers: a whole body, or server-sent events as the bytes of each, with the headers beside them.

    The response begins with the first event: what is raised before it is an error with a status, and what goes wrong
    after it the events have to say themselves. They are closed when the client goes away. Headers that are known only then
    are given as a function, which is called when the first event has come.
    """

    body: msgspec.Struct | AsyncGenerator[bytes, None]
    headers: ResponseHeaders | Callable[[], ResponseHeaders] = ()


def failure(problem: Problem) -> tuple[int, Mapping[str, Any]]:
    """A problem as the platform's own endpoints say it: status and body."""
    return problem.status, problem.body()


@dataclass(frozen=True, slots=True)
class Route:
    """One POST path, answered by `handler(caller, wanted, headers, visit)`.

    request and response are msgspec Structs; summary is its line in the OpenAPI document. headers are the request's, by
    their names in lower case. failure: how its dialect says a problem, and refusal: the Struct that this has the form of,
    where it is not the platform's own. booking: puts on the account what ended while its visit was not booked; what it
    raises is the answer. streams: the answer may be server-sent events, which are cut
    off after so many seconds, whoever is slow. takes and tells: the headers that a
    request may and an answer will have, each with what it says, for the document.
    """

    path: str
    handler: Callable[[Caller, Any, Headers, Visit], Awaitable[Reply]]
    request: type[msgspec.Struct]
    response: type[msgspec.Struct]
    summary: str
    failure: Callable[[Problem], tuple[int, Mapping[str, Any]]] = failure
    refusal: type[msgspec.Struct] | None = None
    booking: Callable[[Refused], Awaitable[None]] | None = None
    streams: bool = False
    seconds: float | None = None
    takes: Headers = field(default_factory=dict)
    tells: Headers = field(default_factory=dict)


class Front:
    """The ASGI application: hot routes first, then Django; extra slashes in a path are folded into one for both."""

    def __init__(self, routes: Iterable[Route], django: Application) -> None:
        self.routes = {route.path: route for route in routes}
        self.django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        if scope["type"] != "http":
            return await self.django(scope, receive, send)
        if "//" in scope["path"]:
            scope["path"] = MANY_SLASHES.sub("/", scope["path"])
        route = self.routes.get(scope["path"])
        try:
            await (self._pass_on(scope, receive, send) if route is None else serve(route, scope, receive, send))
        except Exception as raised:
            problem = as_problem(raised, scope["path"])
            problem.headers = problem.headers or ((REQUEST_ID, new_timed_id().encode()),)
            status, body = (route.failure if route is not None else failure_at(scope["path"]))(problem)
            await respond(send, status, msgspec.json.encode(body), (*encoded(problem.told), *problem.headers))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        receive = within(receive, *limit_of(path))
        if path.endswith("/") and path.rstrip("/") in self.routes:
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            return await respond(send, 307, b"", [(b"location", path.rstrip("/").encode() + query)])
        await self.django(scope, receive, send)


async def serve(route: Route, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by a route. What is raised was raised before anything was sent; who has gone gets no answer."""
    visit = Visit()
    if scope["method"] == "OPTIONS":
        headers = [(REQUEST_ID, visit.id.encode()), *encoded(allow(METHODS))]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        return await send({"type": "http.response.body", "body": b""})
    try:
        handling = await asked(route, visit, scope, receive)
        await unless_left(receive, answer(handling, route.seconds, send))
    except Left:
        return
    except Exception as raised:
        raise marked(raised, visit, route.path) from raised.__cause__


async def answer(handling: Coroutine[Any, Any, tuple[Reply, ResponseHeaders]], seconds: float | None, send: Send) -> None:
    """Send what the handler answers: whole, or its events for at most so many seconds."""
    reply, unknown = await handling
    if isinstance(reply.body, msgspec.Struct):
        return await respond(send, 200, msgspec.json.encode(reply.body), (*beside(reply), *unknown))
    limit = asyncio.timeout(seconds)
    try:
        async with aclosing(reply.body) as chunks, limit:
            await sent(reply, unknown, chunks, send)
    except TimeoutError:
        if not limit.expired():
            raise


def marked(raised: Exception, visit: Visit, path: str) -> Problem:
    """What was raised as a problem that tells the id of the visit."""
    problem = as_problem(raised, path)
    others = (header for header in problem.headers if header[0] != REQUEST_ID)
    problem.tell(visit.id)
    problem.headers = ((REQUEST_ID, visit.id.encode()), *others)
    return problem


def beside(reply: Reply) -> ResponseHeaders:
    """The headers of a reply whose body, or its first event, is there."""
    return reply.headers() if callable(reply.headers) else reply.headers


async def sent(reply: Reply, unknown: ResponseHeaders, chunks: AsyncIterator[bytes], send: Send) -> None:
    """Send every event, and the end. The response begins when the first event has come."""
    first = await anext(chunks, b"")
    headers = [*EVENTS, *beside(reply), *unknown]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def respond(send: Send, status: int, body: bytes, headers: ResponseHeaders = ()) -> None:
    """One whole JSON response."""
    fixed = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Receive, send: Send) -> None:
    """ASGI's start and stop messages; nothing has to be made before the first request."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def asked(
    route: Route, visit: Visit, scope: Scope, receive: Receive
) -> Coroutine[Any, Any, tuple[Reply, ResponseHeaders]]:
    """Parse, and find the caller: the order in which the contract has the errors. Gives the handling, not yet begun."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        if scope["method"] != "POST":
            raise MethodNotAllowed(METHODS)
        given = parsed(await whole(within(receive, *limit_of(scope["path"]))), headers.get("content-type", ""))
    except Problem as malformed:
        await book(route, visit, await known(headers), headers, msgspec.UNSET, malformed)
        raise
    caller = await identified(credential(headers))
    return handled(route, visit, caller, given, headers)


async def known(headers: Headers) -> Caller | None:
    """The caller, where the request shows a good credential."""
    try:
        return await identified(credential(headers))
    except Problem:
        return None


async def handled(route: Route, visit: Visit, caller: Caller, given: Any, headers: Headers) -> tuple[Reply, ResponseHeaders]:
    """What the route's handler answers to a body, and what of the body it has not read. Whatever is raised is on the account,
    and a Problem with the visit's id."""
    try:
        wanted = converted(given, route.request)
        return await route.handler(caller, wanted, headers, visit), ignored(given, wanted)
    except Exception as raised:
        problem = marked(raised, visit, route.path)
        await book(route, visit, caller, headers, given, problem)
        raise problem from raised.__cause__
    except asyncio.CancelledError as left:
        await book(route, visit, caller, headers, given, left)
        raise


async def book(
    route: Route, visit: Visit, caller: Caller | None, headers: Headers, given: Any, why: Problem | BaseException
) -> None:
    """Put the end of a visit on the account, where it is not and there is somebody whose account that is."""
    if route.booking is not None and caller is not None and not visit.booked:
        visit.booked = True
        await route.booking(Refused(visit, caller, headers, given, why))


def ignored(given: Mapping[str, Any], wanted: msgspec.Struct) -> ResponseHeaders:
    """`x-ignored-parameters`, where the body has members that its shape does not: they changed nothing, and that is said."""
    names = unread(given, wanted)
    return ((b"x-ignored-parameters", named(names)),) if names else ()


S = TypeVar("S", bound=msgspec.Struct)


def converted(given: Any, shape: type[S]) -> S:
    """The body as its shape; digits in a text count as a number where one is wanted."""
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as wrong:
        text = str(wrong)
        place = PATH_TO_FIELD.search(text)
        named = re.search(r"required field `([^`]+)`", text)
        steps = STEP.findall(place[1]) if place else []
        loc: list[str | int] = ["body", *(int(number) if number else name for number, name in steps)]
        kind = "missing" if named else "invalid"
        raise Unprocessable(
            [issue(kind, [*loc, named[1]] if named else loc, PATH_TO_FIELD.sub("", text).removesuffix(" - at ").strip())]
        ) from wrong
