"""When a document's turn at Textract comes: how many jobs run at once, how often one is asked for, how it goes on."""

import time
from dataclasses import dataclass
from typing import Final

from foundation.ambient import number_between
from foundation.ports import Claim, Limits, Reservation, Settlement

JOBS: Final = "textract:jobs"
HELD: Final = 3600.0  # seconds for which a job that nobody asks for any more keeps its place
ADMITTED: Final = 600.0  # seconds for which a document that was let in keeps a place before it has a job


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where a document stands: in which round, and since when (seconds since 1970) which job reads it; none: no job yet.

    parts: how many parts of what the job found are kept; token: with which Textract goes on after them, of 1,024 characters
    at most.
    """

    round: int = 1
    begun: int = 0
    job: str = ""
    parts: int = 0
    token: str = ""

    @property
    def text(self) -> str:
        """The ticket as it is handed out."""
        return f"{self.round}:{self.begun}:{self.job}:{self.parts}:{self.token}"

    @classmethod
    def read(cls, text: str | None) -> "Ticket":
        """A ticket that was handed out; without one, the first."""
        if text is None:
            return cls()
        number, begun, job, parts, token = text.split(":", 4)
        return cls(int(number), int(begun), job, int(parts), token)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often Textract is asked, in seconds: what has taken long is asked for seldom, and never all at the same time.

    first: after a start. longest_look: between two questions about a job. longest_turn: between two tries to start one, where
    Textract throttles; those that have a place try tries times a second, all together, unless that makes pauses too long.
    between: in the middle of fetching, when there is no room. An account may ask 10 times a second, in some regions once.
    fetching: how long fetching may be held up so; the message is visible again after 15 minutes.
    """

    first: float = 5.0
    longest_look: float = 120.0
    longest_turn: float = 720.0  # with the dice, 900: no message waits longer
    tries: float = 10.0
    between: float = 2.0
    fetching: float = 480.0

    def look(self, waited: float) -> int:
        """How long until a job that has run for so long is asked for."""
        return self._about(waited / 2, self.longest_look)

    def turn(self, placed: int) -> int:
        """How long until one of so many documents that have a place tries once more to start its job."""
        return self._about(placed / self.tries, self.longest_turn)

    def _about(self, seconds: float, longest: float) -> int:
        return round(min(max(self.first, seconds), longest) * number_between(0.75, 1.25))


class Places:
    """The jobs that run at once, counted for all processes together."""

    def __init__(self, limits: Limits, most: int) -> None:
        self.limits, self.most = limits, most

    def take(self, document: str, held: float = HELD) -> bool:
        """Whether there is a place for a document's job; it has one only once. It is kept for so many seconds."""
        return self._reserved(document, self.most, held)

    def keep(self, document: str) -> None:
        """Its job runs on: the place is kept for another hour."""
        self._reserved(document, None, HELD)

    def taken(self) -> int:
        """How many there are of them now."""
        return self.limits.used([JOBS])[0]

    def give(self, document: str) -> None:
        """Its place is free; a repeat changes nothing."""
        self.limits.settle([Settlement(f"textract:{document}", {})])

    def _reserved(self, document: str, most: int | None, held: float) -> bool:
        name, until = f"textract:{document}", time.time() + held
        wanted = Reservation(name, (Claim(JOBS, 1, most, until),), until)
        _, verdict = self.limits.reserve([Settlement(name, {}), wanted])  # in one go: the place that it has makes room for it
        return verdict is not None and verdict.refused is None
