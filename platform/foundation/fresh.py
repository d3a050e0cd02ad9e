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
    """One value that `load` gives: read in a thread when it is over 5 seconds old, while the old one is given out; only the
    first of all, and one of over 10 seconds, is waited for. What loading raises is raised then.

    On an event loop, `soon` gives it without holding up the loop, and `held` gives it again in what follows.
    """

    def __init__(self, load: Callable[[], V], seconds: float = FRESH) -> None:
        self.load, self.seconds = load, seconds
        self.kept: tuple[float, V] | None = None
        self.forgotten = 0
        self.loading, self.refreshing = threading.Lock(), threading.Lock()

    def get(self) -> V:
        """The value; it may have to be read here and now."""
        kept = self._given()
        if kept is not None:
            return kept[1]
        with self.loading:
            kept = self._given()  # somebody may have read it meanwhile
            return self._loaded() if kept is None else kept[1]

    async def soon(self) -> V:
        """The value, read outside the event loop where it has to be read."""
        kept = self._given()
        return await asyncio.to_thread(self.get) if kept is None else kept[1]

    def held(self) -> V:
        """The value as it was last read, however old: for what follows `soon` on an event loop, and reads nothing."""
        return self._loaded() if self.kept is None else self.kept[1]

    def forget(self) -> None:
        """Read it anew the next time."""
        self.forgotten += 1
        if self.kept is not None:
            self.kept = float("-inf"), self.kept[1]

    def _given(self) -> tuple[float, V] | None:
        """The one that is kept, unless it is too old to be given out; an ageing one is read anew meanwhile."""
        kept = self.kept
        if kept is None or (age := time.monotonic() - kept[0]) >= self.seconds * 2:
            return None
        if age >= self.seconds and self.refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="refresh", daemon=True).start()
        return kept

    def _loaded(self) -> V:
        began = self.forgotten
        value = self.load()
        fresh = time.monotonic() if began == self.forgotten else float("-inf")  # it may be from before what was changed
        self.kept = (fresh, value)
        return value

    def _refresh(self) -> None:
        try:
            with suppress(Problem):  # the old one stays for now; once it is too old, who wants it is told
                self._loaded()
        finally:
            self.refreshing.release()
