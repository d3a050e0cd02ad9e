"""A client that goes away, or reads too slowly: what is done for it is stopped."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from foundation.body import Receive

T = TypeVar("T")
SOON: Final = 0.05  # seconds: what takes no longer is not watched, as watching costs more than it saves


class Left(Exception):
    """The client has gone: nobody reads what would be said."""


async def unless_left(receive: Receive, work: Awaitable[T]) -> T:
    """What the work gives; it is cancelled when the client goes away first, and Left is raised when it has ended.

    Once for a request, when its body has been read: a `receive` that is no longer waited for tells a client that is still
    there as gone from then on (gunicorn).
    """
    task = asyncio.current_task()
    assert task is not None
    watch = Watch(receive, task)
    timer = task.get_loop().call_later(SOON, watch.begin)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.has_left and not task.uncancel():
            raise Left from None
        raise
    finally:
        timer.cancel()
        await watch.end()


class Watch:
    """Cancels a task when the client goes away, and can say that it did."""

    __slots__ = ("has_left", "receive", "task", "watching")

    def __init__(self, receive: Receive, task: "asyncio.Task[Any]") -> None:
        self.receive, self.task, self.has_left = receive, task, False
        self.watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look out for it, from now on."""
        self.watching = asyncio.ensure_future(self._watch())

    async def end(self) -> None:
        """Look out no longer. Nothing refers to what was cancelled, so that its frames go at once and not with a collection."""
        watching, self.watching = self.watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait((watching,))

    async def _watch(self) -> None:
        await gone(self.receive)
        self.has_left = True
        self.task.cancel()


async def gone(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
