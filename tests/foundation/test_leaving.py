"""Who is there is answered, and what is done for who goes away is stopped, as gunicorn tells of the one and the other."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gunicorn.asgi.protocol import BodyReceiver

from foundation.asgi import application
from foundation.hot import Front, Reply, Route
from foundation.leaving import SOON
from tests.invocation.door import Door, opened

PATH = "/told"


class Nothing(msgspec.Struct):
    """A body without members."""


class Connection:
    """What a receiver asks of its connection."""

    _closed = False

    def _maybe_resume_reading(self) -> None:
        """Nothing was paused."""


class Telling:
    """A hot route whose answer begins late and takes its time, asked through a connection of gunicorn's."""

    def __init__(self, door: Door, *, words: int = 3) -> None:
        self.door, self.words, self.begun, self.stopped = door, words, asyncio.Event(), False
        self.front = Front([Route(PATH, self.handle, Nothing, Nothing, "x", streams=True)], application)
        self.receiver = BodyReceiver(SimpleNamespace(content_length=2, chunked=False), Connection())
        self.came: list[Any] = []

    async def handle(self, *_: Any) -> Reply:
        self.begun.set()
        await asyncio.sleep(3 * SOON)
        return Reply(self.told())

    async def told(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self.words):
                await asyncio.sleep(2 * SOON)
                yield b"%d" % number
        finally:
            self.stopped = True

    async def send(self, message: Any) -> None:
        self.came.append(message)

    async def asked(self) -> bytes:
        self.receiver.feed(b"{}")
        self.receiver.set_complete()
        headers = [(b"authorization", f"Bearer {self.door.token}".encode())]
        scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers}
        await self.front(scope, self.receiver.receive, self.send)
        return b"".join(message.get("body", b"") for message in self.came)


@pytest.fixture(scope="module")
def door() -> Door:
    return opened()


async def test_a_stream_that_begins_late_goes_to_its_end_while_its_client_stays(door: Door) -> None:
    telling = Telling(door)
    assert await telling.asked() == b"012"
    assert telling.came[0]["status"] == 200 and not telling.came[-1].get("more_body")


@pytest.mark.parametrize("words", [0, 1], ids=["before the first word", "in the middle"])
async def test_a_stream_whose_client_goes_away_is_stopped(door: Door, words: int) -> None:
    telling = Telling(door, words=1000)
    asking = asyncio.create_task(telling.asked())
    await telling.begun.wait()
    while sum(bool(message.get("body")) for message in telling.came) < words:
        await asyncio.sleep(SOON / 5)
    telling.receiver.signal_disconnect()
    await asyncio.wait_for(asking, 10)
    assert telling.stopped or not telling.came


async def test_what_was_done_for_a_request_goes_with_it_and_waits_for_no_collection(door: Door) -> None:
    telling = Telling(door)
    gc.collect()
    gc.disable()
    try:
        await telling.asked()
        gone = weakref.ref(telling.receiver.protocol)
        del telling.receiver
        await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()
