"""How often somebody may guess: passwords with growing pauses, client secrets until their failures are too many."""

from dataclasses import dataclass
from typing import Final

from foundation.adapters import counters
from foundation.errors import TooMany

HOUR: Final = 3600
FIRST_PAUSE: Final = 15


@dataclass(frozen=True, slots=True)
class Patience:
    """So many tries in `window` seconds are free; after them pauses double, up to `longest` seconds."""

    name: str
    free: int
    window: int
    longest: int

    def pause(self, tries: int) -> int:
        """The pause that the given number of tries brings."""
        return min(FIRST_PAUSE << min(max(tries - self.free - 1, 0), 20), self.longest)


PERSON_FROM_ADDRESS: Final = Patience("person_from_address", 5, 24 * HOUR, HOUR)
ADDRESS: Final = Patience("address", 100, HOUR, HOUR)
PERSON: Final = Patience("person", 100, 24 * HOUR, 60)  # short pauses only: a stranger must not be able to lock a person out

FAILURES_OF_CLIENT: Final = 20
FAILURES_OF_ADDRESS: Final = 200
FAILURE_WINDOW: Final = 60


def admit_password(email: str, address: str) -> None:
    """Count a try before it is judged, so that tries at the same moment count too; TooMany during a pause."""
    for patience, who in _patiences(email, address):
        key = f"issuer:tries:{patience.name}:{who}"
        if counters.read(f"{key}:paused"):
            raise _refusal(patience.pause(counters.read(key)))
        tries = counters.add(key, window=patience.window)
        pause = patience.pause(tries)
        if tries > patience.free and counters.add(f"{key}:paused", window=pause) > 1:
            raise _refusal(pause)


def forgive_password(email: str, address: str) -> None:
    """Start anew for a person who knew the password; the address goes on being counted."""
    for patience, who in _patiences(email, address):
        if patience is not ADDRESS:
            counters.forget(f"issuer:tries:{patience.name}:{who}")


def count_failed_secret(client: str, address: str) -> None:
    """Count a wrong client secret; TooMany when there were too many in the last minute.

    Only wrong secrets come here: a good one always gets in, so nobody can lock an application out, and guessing one of
    32 random bytes is hopeless. The refusal tells a program that goes on failing to slow down.
    """
    key = f"issuer:secrets:{address}"
    if counters.read(key) >= FAILURES_OF_ADDRESS or (
        counters.add(key, window=FAILURE_WINDOW) > 0
        and counters.add(f"{key}:{client[:100]}", window=FAILURE_WINDOW) > FAILURES_OF_CLIENT
    ):
        raise TooMany("too many wrong client secrets; check the client id and its secret", retry_after=FAILURE_WINDOW)


def _patiences(email: str, address: str) -> tuple[tuple[Patience, str], ...]:
    return ((PERSON_FROM_ADDRESS, f"{address}:{email}"), (ADDRESS, address), (PERSON, email))


def _refusal(pause: int) -> TooMany:
    return TooMany("Too many attempts to sign in.", retry_after=pause)
