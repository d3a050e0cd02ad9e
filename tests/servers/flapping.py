"""A door before an HTTP server that fails as networks and services do: by plan, request by request, or until told otherwise."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, cast

from tests.servers.elasticmq import free_port


class Fate(Enum):
    """What becomes of a request."""

    SERVED = "it is answered"
    BUSY = "it is refused with 503 and never reaches the server"
    DENIED = "it is refused, as by a role that lacks the right, and never reaches the server"
    DROPPED = "its connection is closed before it reaches the server"
    UNANSWERED = "the server does what it asks, and its connection is closed before the answer"


def refusal(status: bytes, code: bytes) -> bytes:
    """An error as SQS says it."""
    body = b'{"__type": "%b", "message": "refused at the door"}' % code
    head = b"HTTP/1.1 %b\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


REFUSALS: Final[Mapping[Fate, bytes]] = {
    Fate.BUSY: refusal(b"503 Service Unavailable", b"ServiceUnavailable"),
    Fate.DENIED: refusal(b"400 Bad Request", b"AccessDeniedException"),
}


def always_served(number: int) -> Fate:
    """The plan of a network that does not fail."""
    return Fate.SERVED


@dataclass
class FlappingDoor:
    """Its clients reach the server behind at `port`. `plan` says the fate of each request by its number, from 0 on."""

    behind: int
    plan: Callable[[int], Fate] = always_served
    port: int = field(default_factory=free_port)
    fates: list[Fate] = field(default_factory=list)  # of the requests so far
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    doors: list[asyncio.Server] = field(default_factory=list)
    inside: set[asyncio.Task[None]] = field(default_factory=set)

    @contextmanager
    def running(self) -> Iterator["FlappingDoor"]:
        """The door, open, for the length of the block."""
        thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        thread.start()
        self.open()
        try:
            yield self
        finally:
            self.shut()
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join(10)

    def open(self) -> None:
        """Take connections."""
        asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(10)

    def shut(self) -> None:
        """Be away: what is connected is cut off, and new connections are refused."""
        asyncio.run_coroutine_threadsafe(self._shut(), self.loop).result(10)

    async def _open(self) -> None:
        self.doors.append(await asyncio.start_server(self._serve, "127.0.0.1", self.port))

    async def _shut(self) -> None:
        for door in self.doors:
            door.close()
        self.doors.clear()
        inside = list(self.inside)
        for task in inside:
            task.cancel()
        await asyncio.gather(*inside, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self.inside.add(task)
        try:
            while await self._pass_on(await message(reader), writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.inside.discard(task)
            writer.transport.abort()

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        """One request to its end; whether the connection stays."""
        fate = self.plan(len(self.fates))
        self.fates.append(fate)
        if fate is Fate.DROPPED:
            return False
        answer = REFUSALS.get(fate) or await self._asked(request)
        if fate is Fate.UNANSWERED:
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _asked(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.behind)
        try:
            writer.write(request)
            return await message(reader)
        finally:
            writer.close()


async def message(reader: asyncio.StreamReader) -> bytes:
    """A whole HTTP message of which the length is said; EOFError when the other side has gone."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        with suppress(ValueError):
            name, value = line.split(b":", 1)
            assert name != b"transfer-encoding", "this door knows messages with a length only"
            length = int(value) if name == b"content-length" else length
    return head + await reader.readexactly(length)
