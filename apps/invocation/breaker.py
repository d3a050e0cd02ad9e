"""Circuits: a deployment that keeps failing is left alone for a while, then tried by one call, and used again once it works.

Each process keeps its own, in memory. Moments are those of time.monotonic.
"""

import enum
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from apps.invocation.ports import Connection
from apps.invocation.records import Deployment
from foundation.settings import CHOSEN

STRIKES: Final = 5  # failures one after another that open a circuit
WINDOW: Final = 30.0  # seconds over which the share of failures is taken
ENOUGH: Final = 20  # calls in that time without which a share says nothing
SHARE: Final = 0.5
LONGEST_PAUSE: Final = 120.0
LONGEST_TRIAL: Final = 120.0  # seconds after which a call that tries it is taken for lost
KEPT: Final = 4096


class State(enum.StrEnum):
    """CLOSED: calls go there. OPEN: none does. TRIED: one does, and its end decides. BUSY: it asked to be left alone."""

    CLOSED = "closed"
    OPEN = "open"
    TRIED = "tried"
    BUSY = "busy"


class Circuit:
    """One deployment as this process knows it.

    strikes: failures since the last success. opened: how often it opened since then. Moments: `rests`
    until its pause is over, `tried` while a call tries it, `busy` while it asked to be left alone.
    """

    __slots__ = ("busy", "calls", "failures", "opened", "rests", "since", "strikes", "tried")

    def __init__(self) -> None:
        self.strikes = self.opened = self.calls = self.failures = 0
        self.rests = self.tried = self.busy = self.since = 0.0

    def admits(self, moment: float) -> bool:
        """Whether a call may go there now. Of an open one whose pause is over, it is this call that tries it."""
        if moment < self.busy:
            return False
        if not self.opened:
            return True
        if moment < self.rests or moment < self.tried:
            return False
        self.tried = moment + LONGEST_TRIAL
        return True

    def try_early(self, moment: float) -> bool:
        """Have this call try it before its pause is over; not while another one does."""
        if moment < self.tried or moment < self.busy:
            return False
        self.tried = moment + LONGEST_TRIAL
        return True

    def ready(self, moment: float) -> float:
        """The seconds until it may admit a call again."""
        return max(self.busy, *((self.rests, self.tried) if self.opened else ()), moment) - moment

    def back(self, moment: float) -> float:
        """The seconds after which who is turned away may come back: while a call tries it, those of the first pause."""
        return CHOSEN.circuit_pause if self.opened and moment < self.tried else self.ready(moment)

    def worked(self, moment: float) -> None:
        """A call there ended well."""
        self._count(moment)
        self.strikes = self.opened = 0
        self.tried = 0.0

    def began(self) -> None:
        """The first of a stream has come: others may follow, but only its end says whether it works."""
        if self.opened:
            self.strikes = self.opened = 0
            self.tried = 0.0

    def failed(self, moment: float) -> None:
        """A call there failed, and not by what it asked for."""
        self._count(moment)
        self.failures += 1
        self.strikes += 1
        if self.opened and self.tried <= moment:
            return  # late news of a call that had gone there before
        if self.opened and moment < self.rests:
            self.tried = 0.0  # tried early: its pause goes on as it was
            return
        often = self.calls >= ENOUGH and self.failures >= self.calls * SHARE
        if self.opened or often or self.strikes >= STRIKES:
            self.opened += 1
            self.rests = moment + min(CHOSEN.circuit_pause * 2 ** min(self.opened - 1, 10), LONGEST_PAUSE)
            self.tried, self.calls, self.failures = 0.0, 0, 0

    def left(self) -> None:
        """A call there ended without saying anything about it: the next one may try it."""
        self.tried = 0.0

    def pause(self, moment: float, seconds: float) -> None:
        """It asks to be left alone for so long."""
        self.busy = max(self.busy, moment + seconds)

    def state(self, moment: float) -> State:
        """How it stands."""
        if self.opened:
            return State.TRIED if moment < self.tried else State.OPEN
        return State.BUSY if moment < self.busy else State.CLOSED

    def _count(self, moment: float) -> None:
        if moment - self.since > WINDOW:
            self.since, self.calls, self.failures = moment, 0, 0
        self.calls += 1


class Standing(Struct, frozen=True):
    """A circuit for those who look at it: `seconds` until the next call may go there."""

    provider: str
    base_url: str
    region: str
    id: str
    state: State
    strikes: int
    seconds: float


class Circuits:
    """The circuits of this process, made with the first call; of more than 4,096 the ones used first are forgotten."""

    def __init__(self) -> None:
        self.known: dict[tuple[Connection, str], Circuit] = {}

    def of(self, deployment: Deployment) -> Circuit:
        """The circuit of a deployment: models that run at one place under one id share it."""
        key = (deployment.connection, deployment.id)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Circuit()
            if len(self.known) > KEPT:
                self.known.pop(next(iter(self.known)), None)
        return found

    def standing(self, moment: float) -> Iterator[Standing]:
        """All of them as they stand."""
        for (at, identifier), circuit in tuple(self.known.items()):
            yield seen(at, identifier, circuit, moment)

    def standing_of(self, deployment: Deployment, moment: float) -> Standing | None:
        """That of a deployment, if it was called."""
        circuit = self.known.get((deployment.connection, deployment.id))
        return None if circuit is None else seen(deployment.connection, deployment.id, circuit, moment)


def seen(at: Connection, identifier: str, circuit: Circuit, moment: float) -> Standing:
    """A circuit as it stands."""
    state, wait = circuit.state(moment), circuit.ready(moment)
    return Standing(at.provider, at.base_url, at.region, identifier, state, circuit.strikes, wait)


circuits: Final = Circuits()
