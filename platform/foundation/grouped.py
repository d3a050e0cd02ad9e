"""Group commit: what many requests want of one slow thing at the same time is done in one go, in a thread of its own.

While a batch is being worked on, the next one gathers; so a lone request waits for nobody and a crowd shares one commit.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakSet

W = TypeVar("W")
D = TypeVar("D")

LARGEST: Final = 256
MOST_WAITING: Final = 20_000
LATER: Final = 0.02  # seconds for which what nobody waits for may wait for company

Tell: TypeAlias = Callable[[Any], None]
Asked: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]]


class Full(Exception):
    """More is waiting than the thing can take; nothing was added."""


class Grouped(Generic[W, D]):
    """Calls `work` with up to 256 wants at a time, in the order in which they came; it returns what was done for each, in
    order, or raises for all of them.

    One thread a process, started with the first want. More than 20,000 waiting: Full.
    """

    waiting: list[tuple[W, Tell | Asked | None]]
    runs: bool
    is_urgent: bool
    is_idle: bool

    def __init__(self, name: str, work: Callable[[Sequence[W]], Sequence[D]]) -> None:
        self.name, self.work = name, work
        self.begin_anew()
        everyone.add(self)

    async def done(self, want: W) -> D:
        """What was done for this want, once it is. Who stops waiting does not take it back."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[D] = loop.create_future()
        self._add(want, (loop, future), urgent=True)
        return await future

    def wait(self, want: W) -> D:
        """The same for code that is no coroutine."""
        future: Future[D] = Future()
        self._add(want, lambda outcome: settle(future, outcome), urgent=True)
        return future.result()

    def add(self, want: W, tell: Callable[[D | BaseException], None]) -> None:
        """Have it done, and `tell` called with what was done or raised: in the thread, so it must not block."""
        self._add(want, tell, urgent=True)

    def later(self, want: W) -> None:
        """Have it done together with the next, or in 20 ms at the latest; nobody is told."""
        self._add(want, None, urgent=False)

    def _add(self, want: W, told: Tell | Asked | None, *, urgent: bool) -> None:
        with self.lock:
            if not self.runs:
                threading.Thread(target=self._run, name=self.name, daemon=True).start()
                self.runs = True  # also a system without a thread to give may have one later
            if len(self.waiting) >= MOST_WAITING:
                raise Full(self.name)
            self.waiting.append((want, told))
            if self.is_idle or (urgent and not self.is_urgent):
                self.changed.notify()
            self.is_urgent = self.is_urgent or urgent

    def begin_anew(self) -> None:
        """As in a process that was just forked: its thread is the other one's, and what waits too."""
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.waiting = []
        self.runs = self.is_urgent = self.is_idle = False

    def _run(self) -> None:
        while True:
            batch = self._next()
            try:
                outcomes: Sequence[D | BaseException] = self.work([want for want, _ in batch])
            except BaseException as failed:  # it belongs to those who wait
                outcomes = [failed] * len(batch)
            tell_all([told for _, told in batch], outcomes)

    def _next(self) -> list[tuple[W, Tell | Asked | None]]:
        """The next batch, once there is one."""
        with self.changed:
            if not self.is_urgent:
                self.changed.wait(LATER)
            while not self.waiting:
                self.is_idle = True
                self.changed.wait()
            self.is_idle = False
            batch, self.waiting = self.waiting[:LARGEST], self.waiting[LARGEST:]
            self.is_urgent = bool(self.waiting)
            return batch


everyone: Final[WeakSet[Grouped[Any, Any]]] = WeakSet()


def forked() -> None:
    """This process was made by a fork."""
    for each in everyone:
        each.begin_anew()


os.register_at_fork(after_in_child=forked)


def tell_all(asked: Sequence[Tell | Asked | None], outcomes: Sequence[Any]) -> None:
    """Tell each what became of its want; those on one event loop together, as waking it is what costs."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for told, outcome in zip(asked, outcomes, strict=True):
        if isinstance(told, tuple):
            loops.setdefault(told[0], []).append((told[1], outcome))
        elif told is not None:
            told(outcome)
    for loop, ends in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle_all, ends)


def settle_all(ends: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    """Give each future its end."""
    for future, outcome in ends:
        settle(future, outcome)


def settle(future: "asyncio.Future[D] | Future[D]", outcome: D | BaseException) -> None:
    """Give a future its end, unless it has one: who waited may have gone."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
