"""A moment by which something has to have happened, which is put off again and again at next to no cost."""

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Calls `ring` once the moment that was set last has passed, unless it was put off before. Its timer is made anew only
    where it has to be: a timer for each wait costs more than the rest of the wait."""

    __slots__ = ("looks", "loop", "ring", "timer", "until")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self.loop, self.ring = loop, ring
        self.timer: asyncio.Handle | None = None  # uvloop's that is due at once does not know when
        self.until = self.looks = math.inf

    def set(self, until: float) -> None:
        """Ring at this moment of the loop's clock."""
        self.until = until
        if self.timer is None or until < self.looks:
            self._start()

    def off(self) -> None:
        """Nothing is waited for."""
        self.until = math.inf

    def end(self) -> None:
        """Never ring again. Who is rung often has the alarm: a circle, which only the collector of garbage would find."""
        self.off()
        self.ring = nothing
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _start(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.looks = self.until
        self.timer = self.loop.call_at(self.looks, self._look)

    def _look(self) -> None:
        self.timer = None
        if self.until == math.inf:
            return  # the next wait sets it
        if self.loop.time() < self.until:
            return self._start()
        self.off()
        self.ring()


def nothing() -> None:
    """Ring nobody."""
