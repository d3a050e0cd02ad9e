"""A model server that does wrong on the wire, each time as the id of the model that it is asked for says (see faults.py)."""

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trustme

from tests.upstream.wires import JSON, Refusal, Wire

TLS = b"\x16"  # the first byte of a handshake
KINDS = {"http": ("http", "port"), "https": ("https", "port"), "untrusted": ("https", "tls_port")}


@cache
def certificate() -> ssl.SSLContext:
    """A certificate for this machine by an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@dataclass
class Unruly:
    """Where it listens, and what happened for each case, which is the first part of a path: what was asked, who hung up."""

    wire: Wire
    behaviours: "Mapping[str, Behaviour]"
    port: int = 0
    tls_port: int = 0
    asked: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    left: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)

    def url(self, case: str, kind: str = "http") -> str:
        """The base URL of a case: by `http`, by `https` where no TLS is spoken, or where nobody trusts it (`untrusted`)."""
        scheme, port = KINDS[kind]
        return f"{scheme}://127.0.0.1:{getattr(self, port)}/{case}{self.wire.suffix}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):
                await self.answer(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request after another; a client that speaks TLS is hung up on."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while (start := await reader.readexactly(1)) != TLS:
                head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = int(head.lower().partition("content-length:")[2].partition("\r\n")[0] or 0)
                body = json.loads(await reader.readexactly(length) or b"null")
                path = head.split(" ", 2)[1]
                case = path.split("/")[1]
                self.asked[case].append({"head": head, "body": body})
                model, streamed = self.wire.asked(path, body)
                exchange = Exchange(self, case, len(self.asked[case]), streamed, reader, writer)
                await self.behaviours[model](exchange)
                if exchange.closes:
                    break


@dataclass
class Exchange:
    """One request that is being answered; `turn` is its number of its case, from 1."""

    server: Unruly
    case: str
    turn: int
    streamed: bool
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closes: bool = False

    @property
    def wire(self) -> Wire:
        return self.server.wire

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def whole(self, status: int, body: bytes, content_type: str = JSON, **headers: str) -> None:
        """A whole answer."""
        named = {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
        await self.send(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body)

    async def refuse(self, refusal: Refusal, **headers: str) -> None:
        """A refusal."""
        await self.whole(refusal.status, refusal.body, refusal.content_type, **{**refusal.headers, **headers})

    async def begin(self, content_type: str = "") -> None:
        """The head of a stream, which lasts until the connection ends."""
        self.closes = True
        kind = content_type or (self.wire.stream if self.streamed else JSON)
        await self.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())

    async def good(self, *pieces: str, counted: bool = True, reason: str = "end") -> None:
        """A good answer, in the way in which it was asked for."""
        if not self.streamed:
            return await self.whole(200, self.wire.whole(pieces, counted=counted, reason=reason))
        await self.begin()
        words = b"".join(map(self.wire.piece, pieces))
        await self.send(self.wire.opening() + words + self.wire.ending(counted=counted, reason=reason))

    async def hang(self) -> None:
        """Say nothing more until the client hangs up."""
        self.closes = True
        with suppress(ConnectionError):
            await self.reader.read()
        self.server.left[self.case] += 1

    def reset(self) -> None:
        """End the connection at once, without a word (TCP RST)."""
        self.closes = True
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]


@asynccontextmanager
async def serving(wire: Wire, behaviours: Mapping[str, Behaviour]) -> AsyncIterator[Unruly]:
    """The server, on this event loop."""
    server = Unruly(wire, behaviours)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    untrusted = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=certificate())
    server.port, server.tls_port = (each.sockets[0].getsockname()[1] for each in (listening, untrusted))
    try:
        yield server
    finally:
        listening.close()
        untrusted.close()
        for task in (open_tasks := tuple(server.tasks)):
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


@contextmanager
def apart(wire: Wire, behaviours: Mapping[str, Behaviour]) -> Iterator[Unruly]:
    """The server, in a thread of its own."""
    started: list[Unruly] = []
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        async with serving(wire, behaviours) as server:
            started.append(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
