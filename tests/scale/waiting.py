"""Documents that wait for a place at Textract, played try by try: in a line, and as it was when each tried for itself.

All of one application come at once; another one comes with a few later.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from apps.extraction.line import MOST, PAUSE

PLACES: Final = 100
LATER: Final = 100  # documents of the other application
AFTER: Final = 60.0  # seconds after which they come
AT_FIRST: Final = 400.0  # first tries a second: 40 slots of 0.1 s
LATER_ON: Final = 180  # seconds after which all have tried


@dataclass(slots=True)
class Waited:
    """What became of it. tries: deliveries that were spent on waiting, by second; done: when the last document had its place;
    later: how long the last of the other application waited for its own."""

    tries: Counter[int] = field(default_factory=Counter)
    done: float = 0.0
    later: float = 0.0

    @property
    def busiest(self) -> float:
        """Tries a second in the busiest minute, when all have tried for the first time."""
        minutes = Counter[int]()
        for second, count in self.tries.items():
            minutes[second // 60] += count
        return max((count for minute, count in minutes.items() if minute * 60 >= LATER_ON), default=0) / 60


class Places:
    """The places: each is taken for as long as a job runs, half as long as said up to half as long again."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.chance = seconds, Random(2)
        self.ends: list[float] = []

    def free(self, now: float) -> int:
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)
        return PLACES - len(self.ends)

    def take(self, now: float) -> bool:
        if not self.free(now):
            return False
        heapq.heappush(self.ends, now + self.seconds * self.chance.uniform(0.5, 1.5))
        return True


def arrivals(documents: int) -> Iterator[tuple[float, int]]:
    """When each tries for the first time; the other application's have the numbers from `documents` on."""
    yield from ((number / AT_FIRST, number) for number in range(documents))
    yield from ((AFTER + number / AT_FIRST, documents + number) for number in range(LATER))


def each_for_itself(documents: int, seconds: float) -> Waited:
    """Each message comes again after a pause, the longer the more wait."""
    found, places, chance, waiting = Waited(), Places(seconds), Random(1), set[int]()
    events = list(arrivals(documents))
    heapq.heapify(events)
    while events:
        now, number = heapq.heappop(events)
        if places.take(now):
            waiting.discard(number)
            _placed(found, now, number >= documents)
        else:
            found.tries[int(now)] += 1
            waiting.add(number)
            heapq.heappush(events, (now + _turn(len(waiting), chance), number))
    return found


def in_line(documents: int, seconds: float) -> Waited:
    """One message of each application lets in as many as there is room for; a document tries once in vain at most."""
    found, places, chance = Waited(), Places(seconds), Random(1)
    lines: tuple[deque[int], deque[int]] = (deque(), deque())
    events, looked = [(when, number, False) for when, number in arrivals(documents)], [False, False]
    heapq.heapify(events)
    while events:
        now, number, looks = heapq.heappop(events)
        whose = int(number >= documents)
        if looks:
            found.tries[int(now)] += 1
            for _ in range(min(places.free(now), MOST, len(lines[whose]))):
                places.take(now)
                _placed(found, now, lines[whose].popleft() >= documents)
            looked[whose] = bool(lines[whose])
        elif not lines[whose] and places.take(now):
            _placed(found, now, bool(whose))
            continue
        else:
            found.tries[int(now)] += 1
            lines[whose].append(number)
        if lines[whose] and (looks or not looked[whose]):
            looked[whose] = True
            heapq.heappush(events, (now + PAUSE * chance.uniform(0.5, 1.5), number, True))
    return found


def _turn(waiting: int, chance: Random) -> float:
    return min(max(5.0, waiting / 10), 720.0) * chance.uniform(0.75, 1.25)


def _placed(found: Waited, now: float, is_later: bool) -> None:
    found.done = max(found.done, now)
    if is_later:
        found.later = max(found.later, now - AFTER)
