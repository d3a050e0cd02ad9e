"""Doors of a test's own: HTTP servers that look at each request, choose the server behind, and pass all on as it comes."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


@dataclass(frozen=True)
class Passed:
    """A request that went through a door, and the status of its answer. path: with its query, encoded as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int


Choose = Callable[[str, str], str | None]  # of a method and a path, the server behind; None: a 404 of the door's own
Change = Callable[[dict[str, str]], None]  # of headers with names in lower case, before they go on
See = Callable[[Passed], None]


@dataclass
class Doors:
    """Any number of doors in one thread."""

    loop: asyncio.AbstractEventLoop
    client: aiohttp.ClientSession
    runners: list[web.AppRunner] = field(default_factory=list)

    def open(self, choose: Choose, see: See | None = None, change: Change | None = None, port: int = 0) -> str:
        """The URL of a new door. `see` is told of each request when its answer has begun."""
        return asyncio.run_coroutine_threadsafe(self._open(choose, see, change, port), self.loop).result(30)

    async def _open(self, choose: Choose, see: See | None, change: Change | None, port: int) -> str:
        async def handle(request: web.Request) -> web.StreamResponse:
            behind = choose(request.method, request.raw_path)
            if behind is None:
                return web.Response(status=404, text="nothing is behind this door")
            headers = {name.lower(): value for name, value in request.headers.items()}
            asked = Passed(request.method, request.raw_path, dict(headers), await request.read(), 0)
            if change is not None:
                change(headers)
            return await self._pass_on(request, behind, asked, headers, see)

        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _pass_on(
        self, request: web.Request, behind: str, asked: Passed, headers: dict[str, str], see: See | None
    ) -> web.StreamResponse:
        sent = {name: value for name, value in headers.items() if name not in {*OF_ONE_CONNECTION, "expect"}}
        body = asked.body if asked.body or asked.method in ("POST", "PUT", "PATCH") else None
        try:
            async with self.client.request(
                asked.method, URL(behind + asked.path, encoded=True), data=body, headers=sent, allow_redirects=False
            ) as answer:
                if see is not None:
                    see(Passed(asked.method, asked.path, asked.headers, asked.body, answer.status))
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in OF_ONE_CONNECTION]
                response = web.StreamResponse(status=answer.status)
                for name, value in kept:
                    response.headers.add(name, value)
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response
        except aiohttp.ClientConnectionError as away:
            return web.Response(status=503, text=str(away))


@contextmanager
def doors() -> Iterator[Doors]:
    """A place for doors, which are closed after the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def client() -> aiohttp.ClientSession:
        plain = {"auto_decompress": False, "skip_auto_headers": ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")}
        without_end = aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=without_end, **plain)

    made = Doors(loop, run(client()))
    try:
        yield made
    finally:
        for runner in made.runners:
            run(runner.cleanup())
        run(made.client.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
