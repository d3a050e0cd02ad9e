"""gunicorn's ASGI worker, with room for a crowd that connects at once."""

import asyncio

from gunicorn.workers.gasgi import ASGIWorker  # type: ignore[import-untyped]


class Worker(ASGIWorker):  # type: ignore[misc]
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
