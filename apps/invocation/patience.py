"""How long a stream may be silent: one alarm watches all of its waits, so that an event costs next to nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from apps.invocation.alarm import Alarm

T = TypeVar("T")


async def patient(source: AsyncIterator[T], first: float, idle: float, longest: float) -> AsyncGenerator[T, None]:
    """The same, until TimeoutError: `first` seconds to its first, `idle` between two, `longest` to its end.

    Only waiting for the source counts, not what is done between two events. Closing it closes nothing but itself.
    """
    loop = asyncio.get_running_loop()
    watch = Watch(loop)
    end = loop.time() + longest
    limit = first
    try:
        while True:
            watch.begin(min(loop.time() + limit, end))
            try:
                event = await anext(source, None)
            except asyncio.CancelledError:
                if watch.is_late():
                    raise TimeoutError from None
                raise
            finally:
                watch.alarm.off()
            if event is None:
                return
            yield event
            limit = idle
    finally:
        watch.end()


class Watch:
    """Cancels a task that waits beyond its time, and can say that it did."""

    __slots__ = ("alarm", "cancelled_before", "late", "loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.alarm = loop, Alarm(loop, self._cancel)
        self.waiting: asyncio.Task[object] | None = None
        self.late, self.cancelled_before = False, 0

    def begin(self, until: float) -> None:
        """The running task begins to wait, until this moment of the loop at the longest."""
        task = self.waiting = asyncio.current_task(self.loop)
        self.late = False
        self.cancelled_before = task.cancelling() if task is not None else 0
        self.alarm.set(until)

    def is_late(self) -> bool:
        """Whether the cancellation that has just come was of this watch, and of nobody else."""
        task = self.waiting
        return self.late and task is not None and task.uncancel() <= self.cancelled_before

    def end(self) -> None:
        """Watch no more. A task that was cancelled has the error, and so this: a circle as the alarm's is."""
        self.alarm.end()
        self.waiting = None

    def _cancel(self) -> None:
        if self.waiting is not None:
            self.late = True
            self.waiting.cancel()
