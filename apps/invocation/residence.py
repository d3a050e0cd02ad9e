"""Keep a heavy engine in memory only while it is in use: loaded at its first use, gone when it has been idle."""

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

E = TypeVar("E")


class Resident(Generic[E]):
    """One engine a process, shared by its threads. It leaves `idle` seconds after the end of its last use."""

    def __init__(self, load: Callable[[], E], idle: float) -> None:
        self.load, self.idle = load, idle
        self.changed = threading.Condition()
        self.engine: E | None = None
        self.users, self.used, self.process = 0, 0.0, 0

    @contextmanager
    def use(self) -> Iterator[E]:
        """The engine, which stays for as long as the block runs. Raises what loading raises; the next use tries again."""
        engine = self._arrived()
        try:
            yield engine
        finally:
            with self.changed:
                self.users, self.used = self.users - 1, time.monotonic()
                self.changed.notify_all()

    @property
    def present(self) -> bool:
        """Whether it is in memory now."""
        return self.engine is not None

    def _arrived(self) -> E:
        with self.changed:
            if self.engine is None or self.process != os.getpid():  # an engine does not survive a fork
                self.engine, self.users, self.process = self.load(), 0, os.getpid()
                threading.Thread(target=self._leave_when_idle, name="idle-engine", daemon=True).start()
            self.users += 1
            return self.engine

    def _leave_when_idle(self) -> None:
        with self.changed:
            self.used = max(self.used, time.monotonic())
            while self.users or (left := self.used + self.idle - time.monotonic()) > 0:
                self.changed.wait(None if self.users else left)
            self.engine = None
        give_back()


def give_back() -> None:
    """Free what only circles of references keep, and return it to the machine."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Return freed memory to the machine, which glibc otherwise keeps for the process's next allocations."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
