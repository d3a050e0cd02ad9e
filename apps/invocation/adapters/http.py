"""How providers speak HTTP: a POST that gives a good answer or raises a Problem, whole or as server-sent events.

Each call is one try; nothing is repeated here, and no redirect is followed.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from apps.invocation.adapters.connections import Answer, Broken, Connection, Pool
from apps.invocation.adapters.refusals import problem
from foundation.errors import Problem, Unavailable, UpstreamBroken, UpstreamFailed, UpstreamTimeout

LARGEST_ANSWER: Final = 64 * 2**20
LARGEST_STREAM: Final = 512 * 2**20
LARGEST_EVENT: Final = 4 * 2**20
LARGEST_ERROR: Final = 64 * 2**10
TAIL: Final = 1.0
MOST_STALE: Final = 3
EVENTS: Final = "text/event-stream"
IDENTITY: Final = "identity"
EVERY: Final = {"Content-Type": "application/json", "Accept-Encoding": IDENTITY}
VALUE: Final = re.compile(r"[\x20-\x7e\x80-\xff\t]*")  # what a header's value may hold (RFC 9110, 5.5)
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
        self.base_url, self.timeouts, self.refused = base_url.rstrip("/"), timeouts, refused or problem
        parts = urlsplit(self.base_url)
        self.host, self.path = parts.netloc.removesuffix(f":{443 if parts.scheme == 'https' else 80}"), parts.path
        self.headers = {"Host": self.host, **EVERY, **(headers or {})}
        self.lines = lines(self.headers)
        self.pools: dict[asyncio.AbstractEventLoop, tuple[Pool, AsyncGenerator[Pool, None]]] = {}

    async def whole(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """The JSON text that answers a POST. UpstreamFailed when it is no JSON by its type, or longer than 64 MiB."""
        async with self.answer(path, body, headers, in_pieces=False) as answer:
            if not is_json(answer.content_type):
                raise self.failure(UpstreamFailed, f"answered with {answer.content_type}, not with JSON")
            return await limited(answer, LARGEST_ANSWER)

    async def events(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event that answers a POST. An answer that is JSON is one event.

        Closing it hangs up. It ends when the connection does: whether that was the answer's end, its caller must judge.
        """
        async with self.answer(path, body, headers) as answer:
            if answer.content_type == EVENTS:
                async for data in payloads(self.chunks(answer)):
                    yield data
            elif is_json(answer.content_type):
                yield await limited(answer, LARGEST_ANSWER)
            else:
                raise self.failure(UpstreamFailed, f"answered with {answer.content_type}, not with events")

    def answer(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None, *, in_pieces: bool = True
    ) -> "Answering":
        """The answer of status 200 to a POST of JSON, for a body that is neither JSON nor server-sent events.

        path: the base URL's end, already percent-encoded. in_pieces: the server sends what it has as it has it, so that the
        times of `first` and `idle` hold. Leaving the block early hangs up. Raises what `refused` says for another status,
        Unavailable when the server cannot be reached, UpstreamTimeout when a time is over, UpstreamFailed when the answer
        breaks off. Read it by `chunks`.
        """
        return Answering(self, path, body, headers, in_pieces)

    async def good(self, answer: Answer) -> None:
        """Raises what an answer means that is not a good one."""
        if answer.status != 200:
            raise self.refused(answer.status, await beginning(answer), answer.headers)
        if answer.headers.get("content-encoding", IDENTITY) != IDENTITY:
            raise self.failure(UpstreamFailed, "compressed its answer, though it was asked not to")

    async def asked(self, path: str, body: bytes, headers: Mapping[str, str] | None, in_pieces: bool) -> Answer:
        """The answer of any status. A kept connection that the server had closed before it saw the request is no try."""
        loop = asyncio.get_running_loop()
        pool = self.pools[loop][0] if loop in self.pools else await self._pool(loop)
        said = lines({**self.headers, **headers}) if headers else self.lines
        head = b"%bContent-Length: %d\r\n\r\n" % (said, len(body))
        request = (f"POST {self.path}/{path} HTTP/1.1\r\n".encode("ascii"), head, body)
        limit = self.timeouts.first if in_pieces else self.timeouts.total
        for place in range(MOST_STALE + 1):
            kept = pool.kept() if place < MOST_STALE else None
            connection = kept or await self._connected(pool)
            answer = connection.ask(request, limit, pool.loop.time() + self.timeouts.total)
            try:
                await answer.head()
            except BaseException as broken:
                connection.release()
                if kept is None or answer.heard or not isinstance(broken, Broken):
                    raise
            else:
                return answer
        raise Broken("it closes every connection")

    async def _connected(self, pool: Pool) -> Connection:
        try:
            return await pool.new(self.timeouts.connect)
        except TimeoutError as away:
            raise self.failure(Unavailable, "cannot be reached", f"no connection in {self.timeouts.connect} s") from away
        except (OSError, UnicodeError) as away:
            raise self.failure(Unavailable, "cannot be reached", str(away)) from away

    async def chunks(self, answer: Answer) -> AsyncGenerator[bytes, None]:
        """The bytes of a body as they come; UpstreamFailed beyond 512 MiB. After the first, the idle time is the limit."""
        total = 0
        while chunk := await answer.read():
            answer.limit = self.timeouts.idle
            total += len(chunk)
            if total > LARGEST_STREAM:
                raise self.failure(UpstreamFailed, f"streams without end: more than {LARGEST_STREAM} bytes")
            yield chunk

    async def _pool(self, loop: asyncio.AbstractEventLoop) -> Pool:
        """Connections for an event loop that has none yet."""
        holder = self._open(loop)
        pool = await anext(holder)
        self.pools[loop] = (pool, holder)
        return pool

    async def _open(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[Pool, None]:
        """Holds a pool until the loop ends, for a loop closes its generators when it does."""
        pool = Pool(loop, self.base_url)
        try:
            yield pool
        finally:
            self.pools.pop(loop, None)
            pool.close()

    def failure(self, kind: type[Problem], what: str, why: str = "") -> Problem:
        """What the server did; inside, also which server, and why."""
        return kind(f"the model server {what}", inside=f"{self} {what}{why and ': '}{why}")

    def __str__(self) -> str:
        return f"the model server {self.host}"


class Answering:
    """The block in which an answer is read; see Server.answer. A class, as it is entered with every call."""

    __slots__ = ("answer", "body", "headers", "in_pieces", "path", "server")

    def __init__(self, server: Server, path: str, body: bytes, headers: Mapping[str, str] | None, in_pieces: bool) -> None:
        self.server, self.path, self.body, self.headers, self.in_pieces = server, path, body, headers, in_pieces
        self.answer: Answer | None = None

    async def __aenter__(self) -> Answer:
        try:
            answer = self.answer = await self.server.asked(self.path, self.body, self.headers, self.in_pieces)
            if answer.status != 200 or "content-encoding" in answer.headers:
                await self.server.good(answer)
        except BaseException as failed:
            self._end(failed)
            raise
        return answer

    async def __aexit__(self, kind: type[BaseException] | None, failed: BaseException | None, trace: object) -> None:
        self._end(failed)

    def _end(self, failed: BaseException | None) -> None:
        """Give the connection back, and say what has failed in the words of the platform."""
        if self.answer is not None:
            self.answer.connection.release()
        if isinstance(failed, TimeoutError):
            raise self.server.failure(UpstreamTimeout, "did not answer in time") from failed
        if isinstance(failed, Broken):
            raise self.server.failure(UpstreamBroken, "broke off its answer", str(failed)) from failed


def lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they go over the wire; ValueError for one that would end its line."""
    for name, value in headers.items():
        if not VALUE.fullmatch(value):
            raise ValueError(f"the header {name} cannot hold this value")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON."""
    return content_type == "application/json" or content_type.endswith("+json")


async def limited(answer: Answer, limit: int) -> bytes:
    """The whole body; UpstreamFailed when it is longer than `limit` bytes."""
    chunks, size = [], 0
    while chunk := await answer.read():
        size += len(chunk)
        if size > limit:
            raise UpstreamFailed(f"the model server's answer has more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def beginning(answer: Answer) -> bytes:
    """The first 64 KiB of a body."""
    read = b""
    while len(read) < LARGEST_ERROR and (chunk := await answer.read()):
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
