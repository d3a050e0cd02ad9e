"""gunicorn's ASGI worker, with room for a crowd that connects at once and nothing left of one that has gone."""

import asyncio

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]
from gunicorn.workers import gasgi  # type: ignore[import-untyped]


class Connection(ASGIProtocol):  # type: ignore[misc]
    """The same, but that one that has ended is freed at once.

    Its parser and its last body know it, circles that wait for the collector of garbage; and where it was waiting for a
    request it would go on to wait for three seconds.
    """

    _task: asyncio.Task[None] | None

    def connection_lost(self, error: Exception | None) -> None:
        task = self._task
        if self._awaiting_request and not self._finishing_calls:
            self._request_ready.set()
            self._task = None
        super().connection_lost(error)
        if task is not None:
            task.add_done_callback(self._forget)

    def _forget(self, ended: "asyncio.Task[None]") -> None:
        self._callback_parser = self._body_receiver = None


ASGIProtocol._check_h1c_protocol_available()  # puts what it finds on the class that asks, but reads it from this one
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
