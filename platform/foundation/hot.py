"""Async routes that stand in front of Django: what a Django request costs is more than all of their own work.

They have the same identity, errors and document as the rest; only parsing and rendering are msgspec's instead of DRF's.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec

from foundation.body import Receive, issue, limit_of, parsed, whole, within
from foundation.endpoint import as_problem
from foundation.errors import MethodNotAllowed, Problem, Unprocessable
from foundation.identity import Caller, identify, is_at_hand

Scope = MutableMapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

# The fields of wire.py for the shapes of hot routes: a whole number of 64 bits, and a number that is finite.
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]

MANY_SLASHES: Final = re.compile("/{2,}")
PATH_TO_FIELD: Final = re.compile(r"`\$((?:\.|\[)[^`]*)`")
STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Route:
    """One POST path, answered by `handler(caller, wanted)`.

    request and response are msgspec Structs; summary is its line in the OpenAPI document.
    """

    path: str
    handler: Callable[[Caller, Any], Awaitable[msgspec.Struct]]
    request: type[msgspec.Struct]
    response: type[msgspec.Struct]
    summary: str


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
        receive = within(receive, *limit_of(scope["path"]))
        try:
            await self._serve(scope, receive, send)
        except Exception as raised:
            problem = as_problem(raised, scope["path"])
            await respond(send, problem.status, msgspec.json.encode(problem.body()), *retry_header(problem))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        route = self.routes.get(path)
        if route is not None:
            return await respond(send, 200, await answer(route, scope, receive))
        if path.endswith("/") and path.rstrip("/") in self.routes:
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            return await respond(send, 307, b"", (b"location", path.rstrip("/").encode() + query))
        await self.django(scope, receive, send)


async def respond(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
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


def retry_header(problem: Problem) -> list[tuple[bytes, bytes]]:
    """Retry-After, where the error says when it may work."""
    return [] if problem.retry_after is None else [(b"retry-after", str(problem.retry_after).encode())]


async def answer(route: Route, scope: Scope, receive: Receive) -> bytes:
    """Parse, find the caller, validate, call, encode: the order in which the contract has the errors."""
    if scope["method"] != "POST":
        raise MethodNotAllowed("Method Not Allowed")
    headers = {name: value for name, value in scope["headers"] if name in (b"authorization", b"content-type")}
    given = parsed(await whole(receive), headers.get(b"content-type", b"").decode("latin-1"))
    authorization = headers[b"authorization"].decode("latin-1") if b"authorization" in headers else None
    at_hand = is_at_hand(authorization)
    caller = identify(authorization) if at_hand else await asyncio.to_thread(identify, authorization)
    return msgspec.json.encode(await route.handler(caller, converted(given, route.request)))


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
