"""The same shape behind both ways in over HTTP, for tests that ask both the same things, and an ASGI client to ask with."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import msgspec
from django.core.asgi import get_asgi_application
from django.urls import include, path
from rest_framework import serializers

from foundation import hot
from foundation.endpoint import Endpoint
from foundation.errors import TooMany
from foundation.hot import Front, Route
from foundation.identity import Caller
from foundation.visits import Visit
from foundation.wire import Number, Text, Whole

WAYS = {"hot": "/hot/echo", "django": "/slow/echo"}


class Part(serializers.Serializer[Any]):
    """One of the parts."""

    word = Text()


class Echo(serializers.Serializer[Any]):
    """What both ways take and give back."""

    name = Text(max_length=300)
    count = Whole(required=False, allow_null=True)
    share = Number(required=False, allow_null=True)
    parts = Part(many=True, required=False)


class Slow(Endpoint):
    """Gives back what it gets."""

    request_shape, response_shape = Echo, None

    def post(self, caller: Caller, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["name"] == "crash":
            raise RuntimeError("a secret of the inside")
        if wanted["name"] == "later":
            raise TooMany("too many", retry_after=7)
        return {"name": wanted["name"], "count": wanted.get("count"), "share": wanted.get("share")}


class HotPart(msgspec.Struct, frozen=True):
    word: str


class HotEcho(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=300)]
    count: hot.Whole | None = None
    share: hot.Number | None = None
    parts: tuple[HotPart, ...] = ()


class HotAnswer(msgspec.Struct, frozen=True):
    name: str
    count: int | None
    share: float | None


async def echo(caller: Caller, wanted: HotEcho, headers: hot.Headers, visit: Visit) -> hot.Reply:
    if wanted.name == "crash":
        raise RuntimeError("a secret of the inside")
    if wanted.name == "later":
        raise TooMany("too many", retry_after=7)
    return hot.Reply(HotAnswer(wanted.name, wanted.count, wanted.share))


urlpatterns = [path("slow/echo", Slow.as_view()), path("", include("foundation.urls"))]
handler404 = "foundation.middleware.not_found"
handler500 = "foundation.middleware.server_error"


def front() -> Front:
    """Both ways, as foundation.asgi puts them together."""
    return Front(
        [Route(path="/hot/echo", handler=echo, request=HotEcho, response=HotAnswer, summary="Echo.")], get_asgi_application()
    )


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[list[Any]]:
        """Which fields a 422 names."""
        return sorted(issue["loc"] for issue in self.json["issues"])


async def ask(
    target: str, body: bytes | Iterable[bytes] | None = None, *, method: str = "POST", token: str | None = None, **headers: str
) -> Answer:
    """One request over ASGI; `body` in several parts is sent without a length, as chunked."""
    parts = [body or b""] if body is None or isinstance(body, bytes) else list(body)
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    if token:
        named[b"authorization"] = f"Bearer {token}".encode()
    if isinstance(body, bytes):
        named.setdefault(b"content-length", str(len(body)).encode())
    where, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(where).decode(errors="surrogateescape"),
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(named.items()),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        await forever()

    async def send(message: Any) -> None:
        sent.append(message)

    await front()(scope, receive, send)
    start = sent[0]
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


async def forever() -> None:
    """Waits until it is cancelled, as a client does that stays connected."""
    import asyncio

    await asyncio.Event().wait()
