"""Shares of limits in one SQLite file, for every process of this machine.

The file is not flushed at each commit: after a power cut the last moments of a minute's counters may be missing. What is
spent is never only here: it is on the account, and what was not settled is settled from there.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import Final

import msgspec

from foundation.adapters.embedded.database import Database
from foundation.ports import Claim, Reservation, Settlement, Verdict
from foundation.settings import Settings

KEPT: Final = 86_400  # seconds for which an expired reservation can still be settled
SCHEMA = """
pragma synchronous=normal;
create table if not exists counters (key text primary key, amount integer, held integer, until real) without rowid;
create table if not exists reservations (id text primary key, until real, live integer, claims blob) without rowid;
create index if not exists reservations_until on reservations (live, until);
"""
READ: Final = "select amount, held, until from counters where key = ?"
WRITE: Final = "insert or replace into counters values (?, ?, ?, ?)"
TAKE: Final = "delete from reservations where id = ? returning live, claims"
CLAIMS: Final = msgspec.json.Decoder(tuple[Claim, ...])


def adapter(settings: Settings) -> "SqliteLimits":
    """The limits of this machine."""
    return SqliteLimits(Database(settings.home / "limits.db", SCHEMA))


class Counter:
    """A counter while a batch is worked on. Over its time its amount is 0; what is held back stays."""

    __slots__ = ("amount", "changed", "held", "until")

    def __init__(self, row: tuple[int, int, float] | None, moment: float) -> None:
        self.amount, self.held, self.until = row or (0, 0, 0.0)
        self.changed = False
        if self.until <= moment:
            self.amount, self.until = 0, 0.0

    def left(self, claim: Claim) -> int:
        """What is left of the claim's limit; without a limit, as much as is wanted."""
        return claim.amount if claim.limit is None else claim.limit - self.amount - self.held


class Ledger:
    """The counters that a batch touches, each read once and written once."""

    def __init__(self, connection: Connection, moment: float) -> None:
        self.connection, self.moment = connection, moment
        self.counters: dict[str, Counter] = {}

    def counter(self, key: str) -> Counter:
        """The counter of this key."""
        found = self.counters.get(key)
        if found is None:
            found = self.counters[key] = Counter(self.connection.execute(READ, (key,)).fetchone(), self.moment)
        return found

    def take(self, claims: Iterable[Claim]) -> None:
        """Count what is counted, hold back the rest."""
        for claim in claims:
            counter = self.counter(claim.key)
            counter.changed = True
            counter.until = counter.until or claim.until
            if claim.counted:
                counter.amount += claim.amount
            else:
                counter.held += claim.amount

    def release(self, claims: Iterable[Claim]) -> None:
        """Hold nothing back for these any more."""
        for claim in claims:
            if not claim.counted:
                counter = self.counter(claim.key)
                counter.held, counter.changed = counter.held - claim.amount, True

    def use(self, claims: Iterable[Claim], used: Mapping[str, int]) -> None:
        """Count what was used, on the counter of the time in which it was wanted or on nothing when that is over."""
        for claim in claims:
            amount = used.get(claim.key, 0)
            if amount and not claim.counted and claim.until > self.moment:
                counter = self.counter(claim.key)
                counter.amount, counter.until, counter.changed = counter.amount + amount, counter.until or claim.until, True

    def verdict(self, claims: Iterable[Claim], refused: Claim | None) -> Verdict:
        """What became of these claims."""
        counters = {claim.key: (claim, self.counter(claim.key)) for claim in claims}
        return Verdict(
            refused,
            {key: max(0, counter.left(claim)) for key, (claim, counter) in counters.items()},
            {key: counter.until or claim.until for key, (claim, counter) in counters.items()},
        )

    def write(self) -> None:
        """Keep what changed."""
        self.connection.executemany(WRITE, [(key, c.amount, c.held, c.until) for key, c in self.counters.items() if c.changed])


class SqliteLimits:
    """The Limits port on SQLite. `clock` is wall time, as processes have to agree on it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database, self.clock, self.swept = database, clock, 0.0

    def reserve(self, wanted: Sequence[Reservation]) -> Sequence[Verdict]:
        with self.database.writing() as connection:
            moment = self.clock()
            ledger = Ledger(connection, moment)
            self._expire(ledger)
            verdicts, rows = [], []
            for each in wanted:
                refused = next((claim for claim in each.claims if ledger.counter(claim.key).left(claim) < claim.amount), None)
                if refused is None:
                    ledger.take(each.claims)
                    rows.append((each.id, each.until, 1, msgspec.json.encode(each.claims)))
                verdicts.append(ledger.verdict(each.claims, refused))
            connection.executemany("insert or ignore into reservations values (?, ?, ?, ?)", rows)
            ledger.write()
        return verdicts

    def settle(self, ended: Sequence[Settlement]) -> None:
        with self.database.writing() as connection:
            ledger = Ledger(connection, self.clock())
            for each in ended:
                row = connection.execute(TAKE, (each.id,)).fetchone()
                if row is not None:
                    claims = CLAIMS.decode(row[1])
                    if row[0]:
                        ledger.release(claims)
                    ledger.use(claims, each.used)
            ledger.write()

    def used(self, keys: Sequence[str]) -> Sequence[int]:
        with self.database.reading() as connection:
            moment = self.clock()
            found = [Counter(connection.execute(READ, (key,)).fetchone(), moment) for key in keys]
        return [counter.amount + counter.held for counter in found]

    def _expire(self, ledger: Ledger) -> None:
        """Release what was never settled in its time, and once a minute forget what is long over."""
        moment, connection = ledger.moment, ledger.connection
        late = connection.execute("select id, claims from reservations where live = 1 and until <= ?", (moment,)).fetchall()
        for identifier, claims in late:
            ledger.release(CLAIMS.decode(claims))
            connection.execute("update reservations set live = 0 where id = ?", (identifier,))
        if moment - self.swept > 60:
            self.swept = moment
            connection.execute("delete from reservations where live = 0 and until <= ?", (moment - KEPT,))
            connection.execute("delete from counters where until <= ? and held = 0", (moment - 3600,))
