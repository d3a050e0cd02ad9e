"""Async routes that stand in front of Django: what a Django request costs is more than all of their own work.

They have the same identity, errors and document as the rest; only parsing and rendering are msgspec's instead of DRF's.
"""

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from foundation.endpoint import as_problem, issue
from foundation.errors import MethodNotAllowed, Problem, TooLarge, Unprocessable
from foundation.identity import Caller, identify, is_at_hand
from foundation.settings import CHOSEN

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

MANY_SLASHES: Final = re.compile("/{2,}")
PATH_TO_FIELD: Final = re.compile(r"`\$((?:\.|\[)[^`]*)`")


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
        if "//" in scope["path"]:
            scope["path"] = MANY_SLASHES.sub("/", scope["path"])
        route = self.routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            return await self.django(scope, receive, send)
        try:
            status, body, headers = 200, await answer(route, scope, receive), []
        except Exception as raised:
            problem = as_problem(raised, scope["path"])
            status, body, headers = problem.status, msgspec.json.encode(problem.body()), retry_header(problem)
        fixed = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": fixed + headers})
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
    given = parsed(await body_of(receive), headers.get(b"content-type", b"").decode("latin-1"))
    authorization = headers[b"authorization"].decode("latin-1") if b"authorization" in headers else None
    at_hand = is_at_hand(authorization)
    caller = identify(authorization) if at_hand else await asyncio.to_thread(identify, authorization)
    return msgspec.json.encode(await route.handler(caller, converted(given, route.request)))


async def body_of(receive: Receive) -> bytes:
    """The whole body, or TooLarge."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > CHOSEN.body_limit_mb * 2**20:
            raise TooLarge(f"the body is larger than {CHOSEN.body_limit_mb} MB, the limit of this platform (BODY_LIMIT_MB)")
        if not message.get("more_body", False):
            return b"".join(parts)


def parsed(body: bytes, content_type: str) -> Any:
    """The JSON in a body, whose content type may be missing but not be something else."""
    declared = content_type.partition(";")[0].strip().lower()
    if declared and declared != "application/octet-stream" and not declared.endswith("json"):
        raise Unprocessable([issue("content_type", ["body"], f"the body must be JSON, not {declared[:50]}")])
    try:
        return decoded(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as malformed:
        raise Unprocessable([issue("json_invalid", ["body"], f"the body is not valid JSON: {malformed}")]) from malformed


def decoded(body: bytes) -> Any:
    """The JSON; Unprocessable names the field whose number no computer holds, which msgspec refuses without saying where."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as refused:
        whole = json.loads(body, parse_int=float, parse_constant=msgspec.json.decode)
        beyond = [issue("out_of_range", loc, "the number is out of range") for loc in endless(whole, ["body"])]
        raise Unprocessable(beyond or [issue("json_invalid", ["body"], str(refused))]) from refused


def endless(value: Any, loc: list[str | int]) -> Iterator[list[str | int]]:
    """Where numbers lie that became infinite when they were read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from endless(each, [*loc, name])
    if isinstance(value, float) and math.isinf(value):
        yield loc


S = TypeVar("S", bound=msgspec.Struct)


def converted(given: Any, shape: type[S]) -> S:
    """The body as its shape; digits in a text count as a number where one is wanted."""
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as wrong:
        text = str(wrong)
        place = PATH_TO_FIELD.search(text)
        named = re.search(r"required field `([^`]+)`", text)
        loc: list[str | int] = ["body", *(re.findall(r"[^.\[\]]+", place[1]) if place else ())]
        kind = "missing" if named else "invalid"
        raise Unprocessable(
            [issue(kind, [*loc, named[1]] if named else loc, PATH_TO_FIELD.sub("", text).removesuffix(" - at ").strip())]
        ) from wrong
