"""gunicorn's ASGI worker, with room for a crowd that connects at once and nothing left of one that has gone."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from gunicorn.asgi import protocol  # type: ignore[import-untyped]
from gunicorn.workers import gasgi  # type: ignore[import-untyped]

MOST_HELD: Final = 64 * 2**10


class Corked:
    """A transport that writes little more than once in a turn of the event loop, as a write is a call of the system and the
    events of a stream often come many at a time: the first of a millisecond at once, all others together at the turn's end.
    What is more than 64 KiB waits for nothing, so that a slow reader holds up who writes.
    """

    __slots__ = ("held", "loop", "size", "transport", "wrote")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport, self.loop = transport, loop
        self.held: list[bytes] = []
        self.size, self.wrote = 0, 0.0

    def write(self, part: bytes) -> None:
        """Write it, or have it written with all else of this turn."""
        if not self.held:
            moment = self.loop.time()
            if moment != self.wrote:
                self.wrote = moment
                return self.transport.write(part)
            self.loop.call_soon(self.flush)
        self.held.append(part)
        self.size += len(part)
        if self.size > MOST_HELD:
            self.flush()

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Write them at once, after what is held: they are large."""
        self.flush()
        self.transport.writelines(parts)

    def flush(self) -> None:
        """Write what is held."""
        held = self.held
        if held and not self.transport.is_closing():
            self.transport.write(held[0] if len(held) == 1 else b"".join(held))
        held.clear()
        self.size = 0

    def write_eof(self) -> None:
        """Say that nothing follows, after what is held."""
        self.flush()
        self.transport.write_eof()

    def close(self) -> None:
        """Close it when all is written."""
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class Connection(protocol.ASGIProtocol):  # type: ignore[misc]
    """The same, but that one that has ended is freed at once.

    Its parser and its last body know it, circles that wait for the collector of garbage; and where it was waiting for a
    request it would go on to wait for three seconds.
    """

    _task: asyncio.Task[None] | None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(Corked(transport, asyncio.get_running_loop()))

    def connection_lost(self, error: Exception | None) -> None:
        task = self._task
        if self._awaiting_request and not self._finishing_calls:
            self._request_ready.set()
            self._task = None
        super().connection_lost(error)
        if task is not None:
            task.add_done_callback(self._forget)

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Whether the connection lasts, once the request is answered: in the connection's own task, and not in one for each
        request, as nothing here goes on when an answer has ended."""
        lasts: bool = await self._handle_http_request(request, sockname, peername)
        return lasts

    def _forget(self, ended: "asyncio.Task[None]") -> None:
        self._callback_parser = self._body_receiver = None


# gunicorn's own table knows no 402 and says `Unknown`; 529 is Anthropic's, and in no standard.
protocol._REASON_PHRASES = {529: "Overloaded", **{each: each.phrase for each in HTTPStatus}, **protocol._REASON_PHRASES}
protocol.ASGIProtocol._check_h1c_protocol_available()  # puts what it finds on the class that asks, but reads it from this one
gasgi.ASGIProtocol = Connection  # its worker names the class and has no setting for it


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """The same, but that its sockets keep gunicorn's `backlog`: the event loop puts it down to 100 when it begins to serve,
    and what connects beyond that is refused."""

    async def _serve(self) -> None:
        widening = asyncio.ensure_future(self._widen())
        try:
            await super()._serve()
        finally:
            widening.cancel()

    async def _widen(self) -> None:
        while len(self.servers) < len(self.sockets):
            await asyncio.sleep(0.01)
        for each in self.sockets:
            each.sock.listen(self.cfg.backlog)
