"""How providers speak HTTP: a POST that gives a good answer or raises a Problem, whole or as server-sent events.

Each call is one try; nothing is repeated here, and no redirect is followed.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias
from weakref import WeakSet

from aiohttp import (
    ClientConnectionResetError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from apps.invocation.adapters.refusals import problem
from foundation.errors import Problem, Unavailable, UpstreamFailed, UpstreamTimeout

CONNECTIONS: Final = 10_000
IDLE_CONNECTION: Final = 30.0  # seconds for which a connection waits for its next request
NAMES_KNOWN: Final = 60  # seconds for which a host's addresses are good
LARGEST_ANSWER: Final = 64 * 2**20
LARGEST_STREAM: Final = 512 * 2**20
LARGEST_EVENT: Final = 4 * 2**20
LARGEST_ERROR: Final = 64 * 2**10
LARGE_REQUEST: Final = 2**20
TAIL: Final = 1.0
MOST_STALE: Final = 3
STALE: Final = (ServerDisconnectedError, ClientConnectionResetError, ClientOSError)
WORN: Final[ContextVar[bool]] = ContextVar("worn", default=False)
USED: Final[WeakSet[ResponseHandler]] = WeakSet()
EVENTS: Final = "text/event-stream"
Refused: TypeAlias = Callable[[int, bytes, Mapping[str, str]], Problem]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for one try: to a connection, to the first byte of a stream, between two bytes, and for all of it.

    The first byte of an answer that is not streamed comes when the model has written all of it: `total` is its limit.
    """

    connect: float = 5
    first: float = 300
    idle: float = 120
    total: float = 900


TIMEOUTS: Final = Timeouts()


class Sending(ClientRequest):
    """A request that leaves in WORN whether its connection had served before."""

    async def send(self, conn: Connection) -> ClientResponse:
        protocol = conn.protocol
        WORN.set(protocol in USED)
        if protocol is not None:
            USED.add(protocol)
        return await super().send(conn)


class Server:
    """One HTTP API under a base URL. Used on any number of event loops, with a pool of connections for each.

    headers go with every request. refused(status, body, headers) is the Problem that a status other than 200 means; see
    `refusals.problem`.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = TIMEOUTS,
        refused: Refused | None = None,
    ) -> None:
        self.base_url, self.refused = base_url.rstrip("/"), refused or problem
        self.headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        self.timeouts = timeouts
        self.whole_timeout = ClientTimeout(total=timeouts.total, connect=timeouts.connect)
        self.stream_timeout = ClientTimeout(total=timeouts.total, connect=timeouts.connect, sock_read=timeouts.first)
        self.urls: dict[str, URL] = {}
        self.sessions: dict[asyncio.AbstractEventLoop, tuple[ClientSession, AsyncGenerator[ClientSession, None]]] = {}

    async def whole(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """The JSON text that answers a POST. UpstreamFailed when it is no JSON by its type, or longer than 64 MiB."""
        async with self.answer(path, body, headers, self.whole_timeout) as answer:
            if not is_json(answer.content_type):
                raise UpstreamFailed(f"{self} answered with {answer.content_type}, not with JSON")
            return await limited(answer, LARGEST_ANSWER)

    async def events(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event that answers a POST. An answer that is JSON is one event.

        Closing it hangs up. It ends when the connection does: whether that was the answer's end, its caller must judge.
        """
        async with self.answer(path, body, headers, self.stream_timeout) as answer:
            if answer.content_type == EVENTS:
                async for data in payloads(self.chunks(answer)):
                    yield data
            elif is_json(answer.content_type):
                yield await limited(answer, LARGEST_ANSWER)
            else:
                raise UpstreamFailed(f"{self} answered with {answer.content_type}, not with events")

    @asynccontextmanager
    async def answer(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None, timeout: ClientTimeout | None = None
    ) -> AsyncGenerator[ClientResponse, None]:
        """The answer of status 200 to a POST of JSON, for a body that is neither JSON nor server-sent events.

        path: the base URL's end, already percent-encoded; one of few. Leaving the block early hangs up. Raises what `refused`
        says for another status, Unavailable when the server cannot be reached, UpstreamTimeout when a time is over,
        UpstreamFailed when the answer breaks off. Read it by `chunks`.
        """
        try:
            async with await self._asked(self.url(path), body, headers, timeout or self.stream_timeout) as answer:
                if answer.status != 200:
                    raise self.refused(answer.status, await beginning(answer), answer.headers)
                yield answer
        except ConnectionTimeoutError as away:
            raise Unavailable(f"{self} cannot be reached: no connection in {self.timeouts.connect} s") from away
        except TimeoutError as slow:
            raise UpstreamTimeout(f"{self} did not answer in time") from slow
        except ClientConnectorError as away:
            raise Unavailable(f"{self} cannot be reached: {away}") from away
        except (ClientError, HttpProcessingError) as broken:
            raise UpstreamFailed(f"{self} broke off its answer: {broken}") from broken

    async def _asked(self, url: URL, body: bytes, headers: Mapping[str, str] | None, timeout: ClientTimeout) -> ClientResponse:
        """The answer of any status. A pooled connection that the server had closed before it saw the request is no try."""
        session = await self.session()
        content = body if len(body) < LARGE_REQUEST else io.BytesIO(body)
        for _ in range(MOST_STALE):
            try:
                return await session.post(url, data=content, headers=headers, timeout=timeout, allow_redirects=False)
            except STALE as closed:
                if isinstance(closed, ClientConnectorError) or not WORN.get():
                    raise
        return await session.post(url, data=content, headers=headers, timeout=timeout, allow_redirects=False)

    async def chunks(self, answer: ClientResponse) -> AsyncGenerator[bytes, None]:
        """The bytes of a body as they come; UpstreamFailed beyond 512 MiB. After the first, the idle time is the limit."""
        total = 0
        while chunk := await answer.content.readany():
            if not total and (connection := answer.connection) is not None and (protocol := connection.protocol) is not None:
                protocol.read_timeout = self.timeouts.idle
                protocol.start_timeout()
            total += len(chunk)
            if total > LARGEST_STREAM:
                raise UpstreamFailed(f"{self} streams without end: more than {LARGEST_STREAM} bytes")
            yield chunk

    def url(self, path: str) -> URL:
        """The URL of a path, parsed once."""
        found = self.urls.get(path)
        if found is None:
            found = self.urls[path] = URL(f"{self.base_url}/{path}", encoded=True)
        return found

    async def session(self) -> ClientSession:
        """The session of the running event loop."""
        loop = asyncio.get_running_loop()
        held = self.sessions.get(loop)
        if held is None:
            holder = self._open(loop)
            held = self.sessions[loop] = (await anext(holder), holder)
        return held[0]

    async def _open(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[ClientSession, None]:
        """Holds a session until the loop ends, for a loop closes its generators when it does."""
        pool = TCPConnector(
            limit=CONNECTIONS, keepalive_timeout=IDLE_CONNECTION, ttl_dns_cache=NAMES_KNOWN
        )  # TCP_NODELAY is set
        try:
            async with ClientSession(
                connector=pool,
                headers=self.headers,
                timeout=self.stream_timeout,
                cookie_jar=DummyCookieJar(),
                request_class=Sending,
            ) as session:
                yield session
        finally:
            self.sessions.pop(loop, None)

    def __str__(self) -> str:
        return f"the model server {URL(self.base_url).host}"


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON."""
    return content_type == "application/json" or content_type.endswith("+json")


async def limited(answer: ClientResponse, limit: int) -> bytes:
    """The whole body; UpstreamFailed when it is longer than `limit` bytes."""
    chunks, size = [], 0
    while chunk := await answer.content.readany():
        size += len(chunk)
        if size > limit:
            raise UpstreamFailed(f"the model server's answer has more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def beginning(answer: ClientResponse) -> bytes:
    """The first 64 KiB of a body."""
    read = b""
    while len(read) < LARGEST_ERROR and (chunk := await answer.content.readany()):
        read += chunk
    return read[:LARGEST_ERROR]


async def payloads(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of each event of a `text/event-stream` (WHATWG HTML 9.2.6), the last one also without a blank line after it.

    UpstreamFailed for an event of more than 4 MiB.
    """
    rest, data = b"", b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = data + b"\n" + line[5:].strip() if data else line[5:].strip()
            elif data and line in BLANK:
                yield data
                data = b""
        if len(rest) + len(data) > LARGEST_EVENT:
            raise UpstreamFailed(f"an event of the model server's has more than {LARGEST_EVENT} bytes")
    if rest.startswith(b"data:"):
        data = data + b"\n" + rest[5:].strip() if data else rest[5:].strip()
    if data:
        yield data


BLANK: Final = (b"", b"\r")


async def read_on(payloads: AsyncIterator[bytes]) -> None:
    """Read what comes after an answer's last event to the end, so that the connection can serve again; a second at most."""
    with suppress(TimeoutError, Problem):
        async with asyncio.timeout(TAIL):
            async for _ in payloads:
                pass
