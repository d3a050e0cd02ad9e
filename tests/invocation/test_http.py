"""How every provider speaks HTTP: one connection for many calls, and an end to whatever has none."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from apps.invocation.adapters.connections import Answer
from apps.invocation.adapters.http import LARGEST_ANSWER, LARGEST_EVENT, Server, Timeouts
from foundation.errors import Problem, Unavailable, UpstreamBroken, UpstreamFailed, UpstreamTimeout
from tests.invocation.unruly import Reply, reply, serving

PATIENT = Timeouts(connect=10, first=10, idle=10, total=30)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS, JSON = b"text/event-stream", b"application/json"


def chunk(content: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


async def whole(server: Server) -> bytes:
    return await server.whole("chat/completions", b"{}")


async def streamed(server: Server) -> list[bytes]:
    return [event async for event in server.events("chat/completions", b"{}")]


def lasting(*writes: bytes) -> tuple[Reply, list[int]]:
    """A reply that answers every request of its connection with these writes, and how many it answered."""
    answered: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(1)
        while True:
            for write in writes:
                writer.write(write)
                await writer.drain()
            head = await reader.read(65536)
            if not head:
                return
            answered[-1] += 1

    return answer, answered


@pytest.mark.parametrize(
    ("call", "writes"),
    [
        (whole, [CHUNKED % JSON, chunk(b"{}"), chunk(b"")]),
        (streamed, [CHUNKED % EVENTS, chunk(b"data: 1\n\n"), chunk(b"data: 2\n\n"), chunk(b"")]),
    ],
)
async def test_one_connection_serves_one_call_after_another(call: Callable[[Server], Awaitable[object]], writes: list[bytes]):
    answer, answered = lasting(*writes)
    async with serving(answer) as at:
        server = Server(at.url, timeouts=PATIENT)
        for _ in range(3):
            await call(server)
    assert answered == [3]


async def test_a_connection_that_its_server_closed_while_it_was_idle_fails_no_call():
    """llama.cpp's server ends a stream so: it closes without a word, just when the next request goes out."""
    answered: list[int] = []

    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(1)
        writer.write(CHUNKED % JSON + chunk(b"{}") + chunk(b""))
        await reader.read(1)  # the next request has begun to come, and is not read: the connection is reset
        writer.transport.abort()

    async with serving(one_answer) as at:
        server = Server(at.url, timeouts=PATIENT)
        assert [await whole(server) for _ in range(3)] == [b"{}"] * 3
    assert len(answered) == 3


def endless(content_type: bytes, piece: bytes) -> Reply:
    """A reply that never ends, as fast as it is read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED % content_type)
        while not reader.at_eof() and not writer.is_closing():
            writer.write(chunk(piece))
            await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("call", "content_type", "piece", "said"),
    [
        (whole, JSON, b" " * 2**20, str(LARGEST_ANSWER)),
        (streamed, JSON, b" " * 2**20, str(LARGEST_ANSWER)),
        (streamed, EVENTS, b"x" * 2**16, str(LARGEST_EVENT)),
        (streamed, EVENTS, b"data: " + b"x" * 2**16 + b"\n", str(LARGEST_EVENT)),
        (streamed, EVENTS, b":" + b"x" * 2**20 + b"\n", "without end"),
    ],
    ids=["body", "body for a stream", "line", "event of many lines", "comments"],
)
async def test_42_an_answer_without_end_is_cut_off(call, content_type: bytes, piece: bytes, said: str):
    async with serving(endless(content_type, piece)) as at:
        with pytest.raises(UpstreamFailed, match=said):
            await call(Server(at.url, timeouts=PATIENT))


@pytest.mark.parametrize(
    ("call", "content_type"),
    [(whole, "text/html"), (whole, "text/event-stream"), (streamed, "text/plain"), (streamed, "image/png")],
)
async def test_40_an_answer_of_another_type_is_a_failure(call, content_type: str):
    async with serving(reply(200, b"{}", content_type)) as at:
        with pytest.raises(UpstreamFailed, match=content_type):
            await call(Server(at.url, timeouts=PATIENT))


async def test_37_the_first_byte_may_take_longer_than_the_next():
    hurry = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED % EVENTS)
        await hurry.wait()
        writer.write(chunk(b"data: 1\n\n"))
        await reader.read()

    async with serving(slow) as at:
        events = Server(at.url, timeouts=Timeouts(first=10, idle=0.1, total=30)).events("chat/completions", b"{}")
        first = asyncio.ensure_future(anext(events))
        await asyncio.wait((first,), timeout=0.3)
        assert not first.done()
        hurry.set()
        assert await first == b"1"
        with pytest.raises(UpstreamTimeout):
            await anext(events)


async def test_37_a_whole_answer_may_take_all_of_the_time_there_is():
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hang) as at:
        call = asyncio.ensure_future(whole(Server(at.url, timeouts=Timeouts(first=0.1, idle=0.1, total=0.6))))
        await asyncio.wait((call,), timeout=0.3)
        assert not call.done()
        with pytest.raises(UpstreamTimeout):
            await call


async def test_36_a_server_without_tls_is_unavailable_over_https():
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(400, {}))
        writer.close()

    listening = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="cannot be reached"):
            await whole(Server(f"https://127.0.0.1:{port}/v1", timeouts=PATIENT))


async def hung_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED % EVENTS + chunk(b"data: 1\n\n"))
    await writer.drain()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED % EVENTS + chunk(b"data: 1\n\n"))
    await reader.read()


def answers() -> int:
    """How many there are in memory."""
    return sum(1 for each in gc.get_objects() if type(each) is Answer)


@pytest.mark.parametrize(("answer", "failure"), [(hung_up, UpstreamBroken), (silent, UpstreamTimeout)])
async def test_a_call_that_fails_leaves_nothing_to_the_collector_of_garbage(answer: Reply, failure: type[Problem]):
    gc.collect()
    before = answers()
    gc.disable()
    try:
        async with serving(answer) as at:
            server = Server(at.url, timeouts=Timeouts(first=10, idle=0.1, total=30))
            for _ in range(3):
                with pytest.raises(failure):
                    await streamed(server)
            async with asyncio.timeout(10):
                while answers() > before:
                    await asyncio.sleep(0.01)
    finally:
        gc.enable()
