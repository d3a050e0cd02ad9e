"""How long a stream may be silent: one timer watches all of its waits, so that an event costs next to nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def patient(source: AsyncIterator[T], first: float, idle: float, longest: float) -> AsyncGenerator[T, None]:
    """The same, until TimeoutError: `first` seconds to its first, `idle` between two, `longest` to its end.

    Only waiting for the source counts, not what is done between two events. Closing it closes nothing but itself.
    """
    watch = Watch()
    end = watch.loop.time() + longest
    limit = first
    try:
        while True:
            watch.begin(min(watch.loop.time() + limit, end))
            try:
                event = await anext(source, None)
            except asyncio.CancelledError:
                if watch.is_late():
                    raise TimeoutError from None
                raise
            finally:
                watch.waiting = None
            if event is None:
                return
            yield event
            limit = idle
    finally:
        watch.end()


class Watch:
    """Cancels a task that waits beyond its time, and can say that it did. Its timer is set again only where it has to be."""

    __slots__ = ("cancelled_before", "late", "loop", "timer", "until", "waiting")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.TimerHandle | None = None
        self.waiting: asyncio.Task[object] | None = None
        self.until, self.late, self.cancelled_before = 0.0, False, 0

    def begin(self, until: float) -> None:
        """The running task begins to wait, until this moment of the loop at the longest."""
        task = self.waiting = asyncio.current_task(self.loop)
        self.until, self.late = until, False
        self.cancelled_before = task.cancelling() if task is not None else 0
        if self.timer is None or until < self.timer.when():
            self._set()

    def is_late(self) -> bool:
        """Whether the cancellation that has just come was of this watch, and of nobody else."""
        task = self.waiting
        return self.late and task is not None and task.uncancel() <= self.cancelled_before

    def end(self) -> None:
        """Watch no more."""
        if self.timer is not None:
            self.timer.cancel()

    def _set(self) -> None:
        self.end()
        self.timer = self.loop.call_at(self.until, self._look)

    def _look(self) -> None:
        self.timer = None
        if self.waiting is None:
            return  # the next wait sets it
        if self.loop.time() < self.until:
            return self._set()
        self.late = True
        self.waiting.cancel()
