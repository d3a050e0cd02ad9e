"""Connections to model servers over HTTP/1.1 (RFC 9112), one exchange at a time on each, kept and used again.

httptools reads what comes, the event loop does the rest: a general client costs a request two to three times as much
(docs/dependencies.md).
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection

from apps.invocation.alarm import Alarm

IDLE: Final = 30.0  # seconds for which a connection waits for its next request
NAMES_KNOWN: Final = 60.0  # seconds for which a host's addresses are good
NEXT_ADDRESS: Final = 0.25  # seconds after which the next address of a host is tried beside the first (RFC 8305)
MOST_HEAD: Final = 64 * 2**10
HIGH: Final = 256 * 2**10  # bytes not read yet at which the server has to wait
BODILESS: Final = (204, 304)

Addresses: TypeAlias = list[tuple[Any, ...]]


class Broken(Exception):
    """The connection ended, or what came on it is no HTTP, before the answer was whole."""


class Answer:
    """What comes back for one request. httptools calls its `on_` methods; the rest is for who asked.

    headers: by their names in lower case; several of one name are joined by commas. heard: the bytes so far. lasts: the
    connection can serve again. limit: seconds that the next bytes may take; end: when all of it must have come, on the
    loop's clock.
    """

    __slots__ = (
        *("begun", "chunks", "connection", "done", "end", "excess", "headers"),
        *("heard", "lasts", "limit", "parser", "size", "status", "waiter"),
    )

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.parser = httptools.HttpResponseParser(self)
        self.status, self.headers = 0, dict[str, str]()
        self.chunks: list[bytes] = []
        self.size = self.heard = 0
        self.begun = self.done = self.excess = self.lasts = False
        self.limit, self.end = 0.0, 0.0
        self.waiter: asyncio.Future[None] | None = None

    def on_message_begin(self) -> None:
        """Another message after the answer is one that nobody asked for."""
        self.excess = self.done

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """The status and all headers are there."""
        self.status = self.parser.get_status_code()
        self.begun = self.status >= 200

    def on_body(self, content: bytes) -> None:
        """Some of the body."""
        self.chunks.append(content)
        self.size += len(content)
        if self.size > HIGH:
            self.connection.pause()

    def on_message_complete(self) -> None:
        """The whole answer is there, or one that only says that another follows (1xx)."""
        if self.begun:
            self.done, self.lasts = True, self.parser.should_keep_alive()
        else:
            self.headers = {}

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case; `application/octet-stream` when nothing is said."""
        return self.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection is the end of the body (RFC 9112, 6.3)."""
        told = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        return self.begun and not told and self.status not in BODILESS

    async def head(self) -> None:
        """Returns when status and headers are there. Broken; TimeoutError."""
        while not self.begun:
            await self._more()

    async def read(self) -> bytes:
        """What has come of the body, when some has; nothing at its end. Broken; TimeoutError."""
        while not self.chunks:
            if self.done:
                return b""
            await self._more()
        content = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        self.size = 0
        self.connection.resume()
        return content

    async def _more(self) -> None:
        """Returns when more has come."""
        connection = self.connection
        if connection.lost is not None:
            raise Broken(str(connection.lost))  # one of its own: an error knows the frames that it came through
        loop, alarm = connection.loop, connection.alarm
        waiter = self.waiter = loop.create_future()
        alarm.set(min(loop.time() + self.limit, self.end))
        try:
            await waiter
        finally:
            alarm.off()
            self.waiter = None
            del waiter  # it has the error, whose frames have it: a circle

    def wake(self) -> None:
        """Let who waits look again."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def expire(self) -> None:
        """Tell who waits that it has waited long enough."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(TimeoutError())


class Connection(asyncio.Protocol):
    """One connection of a pool. lost: why it is of no use any more. served: how many requests it has taken. alarm: of the
    answer that is waited for; it is the connection's, so that an answer that comes in time makes no timer."""

    __slots__ = ("alarm", "answer", "idle_since", "is_paused", "loop", "lost", "pool", "served", "transport")

    def __init__(self, pool: "Pool") -> None:
        self.pool, self.loop = pool, pool.loop
        self.alarm = Alarm(pool.loop, self._expire)
        self.transport: asyncio.Transport | None = None
        self.lost: Broken | None = None
        self.served, self.idle_since, self.is_paused = 0, 0.0, False
        self.answer: Answer | None = Answer(self)  # a server may speak before it is asked

    def ask(self, request: Iterable[bytes], limit: float, end: float) -> Answer:
        """Send a request; its answer is what comes from now on."""
        answer = self.answer = self.answer or Answer(self)
        answer.limit, answer.end = limit, end
        self.served += 1
        if self.transport is not None and self.lost is None:
            self.transport.write(b"".join(request))
        return answer

    def release(self) -> None:
        """The exchange is over: serve the next one, or hang up where the answer was not read to its end."""
        answer, self.answer = self.answer, None
        if answer is None:
            return
        del answer.parser  # it knows the answer too: a circle, which only the collector of garbage would find
        if self.lost is not None:
            return
        if answer.lasts and not answer.excess:
            self.idle_since = time.monotonic()
            self.resume()
            self.pool.idle.append(self)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """End it at once."""
        self.lost = self.lost or Broken("it was hung up")
        if self.transport is not None:
            self.transport.abort()

    def pause(self) -> None:
        """Take no more for now."""
        if not self.is_paused and self.transport is not None and not self.transport.is_closing():
            self.is_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Take more again."""
        if self.is_paused and self.transport is not None and not self.transport.is_closing():
            self.is_paused = False
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        answer = self.answer
        if answer is None:  # nobody asked
            return self.hang_up()
        try:
            answer.parser.feed_data(data)
        except httptools.HttpParserError as odd:
            if not answer.done:
                self.lost = Broken(f"what it sent is no HTTP: {odd}")
            self.hang_up()
        answer.heard += len(data)
        if not answer.begun and answer.heard > MOST_HEAD:
            self.lost = Broken("its headers have no end")
            self.hang_up()
        answer.wake()

    def connection_lost(self, error: Exception | None) -> None:
        answer = self.answer
        if error is None and answer is not None and answer.ends_with_connection:
            answer.done = True
        self.lost = self.lost or Broken(str(error) if error else "the server closed the connection")
        self.alarm.end()
        if answer is None and self in self.pool.idle:
            self.pool.idle.remove(self)
        elif answer is not None:
            answer.wake()

    def _expire(self) -> None:
        if self.answer is not None:
            self.answer.expire()


class Pool:
    """The connections of one event loop to one server, given by its URL's scheme, host and port.

    The one that served last serves next. There is no limit: what may be under way at once is decided elsewhere.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, url: str) -> None:
        parts = urlsplit(url)
        self.loop = loop
        self.host = (
            (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else parts.hostname or ""
        )
        self.tls = context() if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self.idle: list[Connection] = []
        self.addresses: Addresses = []
        self.looked_up = float("-inf")

    def kept(self) -> Connection | None:
        """A connection that has served before; None when there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.lost is None and time.monotonic() - connection.idle_since < IDLE:
                return connection
            connection.hang_up()
        return None

    async def new(self, seconds: float) -> Connection:
        """A new connection; OSError, or TimeoutError when it takes longer."""
        async with asyncio.timeout(seconds):
            socket = await start_connection(
                await self._found(), happy_eyeballs_delay=NEXT_ADDRESS, interleave=1, loop=self.loop
            )
            _, connection = await self.loop.create_connection(
                lambda: Connection(self), sock=socket, ssl=self.tls, server_hostname=self.host if self.tls else None
            )
        return connection

    async def _found(self) -> Any:
        """The host's addresses."""
        if time.monotonic() - self.looked_up > NAMES_KNOWN:
            self.addresses = cast(Addresses, await self.loop.getaddrinfo(self.host, self.port, type=1, proto=6))
            self.looked_up = time.monotonic()
        return self.addresses

    def close(self) -> None:
        """Hang up what nobody uses."""
        while self.idle:
            self.idle.pop().hang_up()


@cache
def context() -> ssl.SSLContext:
    """How servers are known: by the certificate authorities of this machine."""
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    return made
