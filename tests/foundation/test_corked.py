"""What is written to a connection at once leaves in two writes, in order, and nothing of it is lost."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import wraps
from typing import Any, Final, cast

import uvloop

from foundation.server import MOST_HELD, Connection, Corked
from tests.foundation.test_connections import ASK, serving


class Recorder:
    """A transport that tells what was done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.closing = False

    def write(self, part: bytes) -> None:
        self.done.append(part)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.done.append(list(parts))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.done.append("closed")
        self.closing = True


class Still:
    """The running loop with a clock that stands still until it is moved."""

    moment = 1.0

    def __init__(self) -> None:
        self.call_soon = asyncio.get_running_loop().call_soon

    def time(self) -> float:
        return self.moment


def corked() -> tuple[Corked, Recorder, Still]:
    recorder, loop = Recorder(), Still()
    return Corked(cast(asyncio.Transport, recorder), cast(asyncio.AbstractEventLoop, loop)), recorder, loop


def on_uvloop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The loop of the web server."""

    @wraps(test)
    def run() -> None:
        uvloop.run(test())

    return run


async def test_the_first_leaves_at_once_and_all_others_together() -> None:
    transport, recorder, loop = corked()
    for part in (b"a", b"b", b"c", b"d"):
        transport.write(part)
    assert recorder.done == [b"a"]
    await asyncio.sleep(0)
    assert recorder.done == [b"a", b"bcd"]
    loop.moment += 0.001
    transport.write(b"e")
    assert recorder.done == [b"a", b"bcd", b"e"]


async def test_much_waits_for_nothing_so_that_a_slow_reader_is_noticed() -> None:
    transport, recorder, _ = corked()
    for part in (b"a", b"b", b"c" * MOST_HELD):
        transport.write(part)
    assert recorder.done == [b"a", b"b" + b"c" * MOST_HELD]
    await asyncio.sleep(0)
    assert len(recorder.done) == 2


async def test_the_end_of_a_connection_and_a_large_body_come_after_what_was_held() -> None:
    transport, recorder, _ = corked()
    transport.write(b"first")
    transport.write(b"held")
    transport.writelines((b"large", b"body"))
    transport.write(b"end")
    transport.close()
    await asyncio.sleep(0)
    assert recorder.done == [b"first", b"held", [b"large", b"body"], b"end", "closed"]


async def test_nothing_is_written_to_a_connection_that_has_gone() -> None:
    transport, recorder, _ = corked()
    transport.write(b"first")
    transport.write(b"late")
    recorder.closing = True
    await asyncio.sleep(0)
    assert recorder.done == [b"first"]


PIECES: Final = [b"%d," % number for number in range(300)]


async def pieces(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in PIECES:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def answered(request: bytes, end: bytes = b"") -> tuple[bytes, bytes]:
    """Head and body of the answer to a request: up to this end, or else until the server hangs up."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(serving(pieces)), "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        head, _, body = (await (reader.readuntil(end) if end else reader.read())).partition(b"\r\n\r\n")
        writer.close()
    return head, body


@on_uvloop
async def test_a_stream_whose_events_come_at_once_comes_whole_and_in_order() -> None:
    head, body = await answered(ASK, b"0\r\n\r\n")
    assert b"chunked" in head
    assert b"".join(body.split(b"\r\n")[1::2]) == b"".join(PIECES)


@on_uvloop
async def test_a_stream_that_ends_its_connection_comes_whole() -> None:
    _, body = await answered(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert b"".join(body.split(b"\r\n")[1::2]) == b"".join(PIECES)


@on_uvloop
async def test_a_request_that_is_no_http_is_told_why_and_is_hung_up_on() -> None:
    head, body = await answered(b"no request\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert body
