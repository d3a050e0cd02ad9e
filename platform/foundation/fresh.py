"""Values that are read often and may be a few seconds old: policies, keys, the catalogue."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

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
