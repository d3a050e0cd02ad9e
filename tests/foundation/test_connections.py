"""What a connection needed goes with it, and not with the next full collection, which is rare: through gunicorn's own door."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import requests
from gunicorn.config import Config
from gunicorn.glogging import Logger

from foundation.openapi import described
from foundation.server import Connection
from tests.faults.test_26_web_killed_during_calls import web_processes
from tests.usage.provider import Gateway, gateway

WAVE = 200
LEAST_KEPT = 6000  # bytes: a connection that is kept has 10,000; a call may leave 3,000 in what is kept of the last thousand
# Where versions of the standard have other words, or no standard has any.
PHRASES = {413: ["Payload Too Large", "Content Too Large"], 422: ["Unprocessable Entity"], 529: ["Overloaded"]}
ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def at_once(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def never(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def serving(application: Any) -> Any:
    """A worker of gunicorn's as far as a connection asks it."""
    settings = Config()
    settings.set("asgi_disconnect_grace_period", 1)
    loop = asyncio.get_running_loop()
    worker = SimpleNamespace(cfg=settings, log=Logger(settings), asgi=application, loop=loop, nr_conns=0, nr=0, alive=True)
    worker.max_requests, worker.state = WAVE, {}
    return worker


@pytest.mark.parametrize("application", [at_once, never], ids=["after its answer", "before its answer"])
async def test_a_connection_that_its_client_ends_waits_for_no_collection(application: Any) -> None:
    loop, made = asyncio.get_running_loop(), list[weakref.ref[Connection]]()
    worker = serving(application)

    def connection() -> Connection:
        one = Connection(worker)
        made.append(weakref.ref(one))
        return one

    gc.collect()
    gc.disable()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(ASK)
        if application is at_once:
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        else:
            while not worker.nr_conns:
                await asyncio.sleep(0.01)
        writer.close()
        async with asyncio.timeout(20):
            while made[0]() is not None:
                await asyncio.sleep(0.01)
        assert worker.nr_conns == 0
    finally:
        gc.enable()
        server.close()


class Answering:
    """An application that answers each request with the status that its path names."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = int(scope["path"].strip("/"))
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def test_every_status_that_the_document_has_is_told_with_its_standard_phrase() -> None:
    told = sorted({int(status) for path in described()["paths"].values() for status in statuses(path)})
    assert {200, 202, 402, 413, 422, 429, 529} <= set(told)
    worker = serving(Answering())
    server = await asyncio.get_running_loop().create_server(lambda: Connection(worker), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        for status in told:
            writer.write(f"GET /{status} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
            line = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode()
            assert line in {f"HTTP/1.1 {status} {phrase}" for phrase in PHRASES.get(status) or [HTTPStatus(status).phrase]}
    finally:
        writer.close()
        server.close()


def statuses(path: dict[str, Any]) -> Iterator[str]:
    """The statuses of a path's answers, by all methods."""
    for operation in path.values():
        yield from operation["responses"]


def test_not_every_wave_of_connections_leaves_more_memory_than_the_one_before_it(tmp_path: Path) -> None:
    with gateway(tmp_path / "home") as door:
        held = [after_wave(door) for _ in range(4)]
    assert min(later - earlier for earlier, later in pairwise(held)) < WAVE * LEAST_KEPT, held


def after_wave(door: Gateway) -> int:
    """The bytes that the process that serves holds after many calls, each on a connection of its own."""
    for _ in range(WAVE):
        with requests.Session() as session:
            assert door.call(session) == 200
    serving: list[psutil.Process] = web_processes(door)
    return max(process.memory_info().rss for process in serving)
