"""Values that are read often and may be a few seconds old: policies, keys, the catalogue."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from foundation.errors import Problem

K = TypeVar("K")
V = TypeVar("V")

FRESH: Final = 5.0
REMEMBERED: Final = 10_000


class Fresh(Generic[K, V]):
    """What `load` gives for a key, at most `seconds` old. Of more than 10,000 keys the oldest are forgotten."""

    def __init__(self, load: Callable[[K], V], seconds: float = FRESH) -> None:
        self.load, self.seconds = load, seconds
        self.kept: dict[K, tuple[float, V]] = {}

    def is_at_hand(self, key: K) -> bool:
        """Whether `get` would answer from memory."""
        found = self.kept.get(key)
        return found is not None and time.monotonic() - found[0] < self.seconds

    def get(self, key: K) -> V:
        """The value; raises what loading raises, and then keeps nothing."""
        found = self.kept.get(key)
        if found is not None and time.monotonic() - found[0] < self.seconds:
            return found[1]
        loaded = self.load(key)
        self.kept.pop(key, None)
        self.kept[key] = (time.monotonic(), loaded)
        if len(self.kept) > REMEMBERED:
            self.kept.pop(next(iter(self.kept)), None)
        return loaded

    async def soon(self, key: K) -> V:
        """The value, read outside the event loop where it has to be read."""
        found = self.kept.get(key)
        if found is not None and time.monotonic() - found[0] < self.seconds:
            return found[1]
        return await asyncio.to_thread(self.get, key)

    def forget(self, key: K) -> None:
        """Read it anew the next time."""
        self.kept.pop(key, None)


class Recent(Generic[V]):
    """One value that `load` gives, for code on an event loop: read in a thread when it is over 5 seconds old, while the old
    one is given out; only the first of all, and one of over 10 seconds, is waited for. What loading raises is raised then.
    """

    def __init__(self, load: Callable[[], V], seconds: float = FRESH) -> None:
        self.load, self.seconds = load, seconds
        self.kept: tuple[float, V] | None = None
        self.loading = threading.Lock()

    def get(self) -> V:
        """The value."""
        kept = self.kept
        age = self.seconds * 2 if kept is None else time.monotonic() - kept[0]
        if kept is None or age >= self.seconds * 2:
            return self._loaded()
        if age >= self.seconds and self.loading.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="refresh", daemon=True).start()
        return kept[1]

    def forget(self) -> None:
        """Read it anew the next time."""
        self.kept = None

    def _loaded(self) -> V:
        value = self.load()
        self.kept = (time.monotonic(), value)
        return value

    def _refresh(self) -> None:
        try:
            with suppress(Problem):  # the old one stays for now; once it is too old, who wants it is told
                self._loaded()
        finally:
            self.loading.release()
