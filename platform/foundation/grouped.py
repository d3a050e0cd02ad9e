"""Group commit: what many requests want of one slow thing at the same time is done in one go, in a thread of its own.

While a batch is being worked on, the next one gathers; so a lone request waits for nobody and a crowd shares one commit.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

W = TypeVar("W")
D = TypeVar("D")

LARGEST: Final = 256
MOST_WAITING: Final = 20_000


class Full(Exception):
    """More is waiting than the thing can take; nothing was added."""


class Grouped(Generic[W, D]):
    """Calls `work` with up to 256 wants at a time; it returns what was done for each, in order, or raises for all of them.

    One thread a process, started with the first want. More than 20,000 waiting: Full.
    """

    def __init__(self, name: str, work: Callable[[Sequence[W]], Sequence[D]]) -> None:
        self.name, self.work = name, work
        self.changed = threading.Condition()
        self.waiting: list[tuple[W, Callable[[D | BaseException], None]]] = []
        self.process = 0

    async def done(self, want: W) -> D:
        """What was done for this want, once it is."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[D] = loop.create_future()

        def tell(outcome: D | BaseException) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, future, outcome)

        self.add(want, tell)
        return await future

    def wait(self, want: W) -> D:
        """The same for code that is no coroutine."""
        future: Future[D] = Future()
        self.add(want, lambda outcome: settle(future, outcome))
        return future.result()

    def add(self, want: W, tell: Callable[[D | BaseException], None]) -> None:
        """Have it done, and `tell` called with what was done or raised: in the thread, so it must not block."""
        with self.changed:
            if self.process != os.getpid():
                self.process, self.waiting = os.getpid(), []
                threading.Thread(target=self._run, name=self.name, daemon=True).start()
            if len(self.waiting) >= MOST_WAITING:
                raise Full(self.name)
            self.waiting.append((want, tell))
            self.changed.notify()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait()
                batch, self.waiting = self.waiting[:LARGEST], self.waiting[LARGEST:]
            try:
                outcomes: Sequence[D | BaseException] = self.work([want for want, _ in batch])
            except BaseException as failed:  # it belongs to those who wait
                outcomes = [failed] * len(batch)
            for (_, tell), outcome in zip(batch, outcomes, strict=True):
                tell(outcome)


def settle(future: "asyncio.Future[D] | Future[D]", outcome: D | BaseException) -> None:
    """Give a future its end, unless it has one: who waited may have gone."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
