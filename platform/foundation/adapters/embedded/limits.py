"""Shares of limits in one SQLite file, for every process of this machine.

The file is not flushed at each commit: after a power cut the last moments of a minute's counters may be missing. What is
spent is never only here: it is on the account, and what was not settled is settled from there.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from sqlite3 import Connection
from typing import Final, TypeAlias

import msgspec

from foundation.adapters.embedded.database import Database
from foundation.ports import Claim, Floor, Reservation, Settlement, Verdict
from foundation.settings import Settings

KEPT: Final = 86_400  # seconds for which an expired reservation can still be settled
MOST: Final = 2**53  # no counter is put higher by one settlement: a provider may report any number
LOOK: Final = 1.0  # seconds between two looks at what has expired: an index that told it at once would cost each call more
EXPIRED_AT_ONCE: Final = 1000
MOST_ROWS: Final = 2000  # that one statement writes: it takes 32,766 values, and what expired after an outage may have more
SCHEMA = """
pragma synchronous=normal;
create table if not exists counters (key text primary key, amount integer, held integer, until real) without rowid;
create table if not exists reservations (id text primary key, until real, live integer, claims blob) without rowid;
drop index if exists reservations_until;
"""
READ: Final = "with wanted (name) as (values {}) select key, amount, held, until from wanted cross join counters on key = name"
WRITE: Final = "insert or replace into counters values {}"
KEEP: Final = "insert or replace into reservations values {}"
FIND: Final = "with wanted (name) as (values {}) select id, live, claims from wanted cross join reservations on id = name"
FORGET: Final = "delete from reservations where id in ({})"
LAPSE: Final = "update reservations set live = 0 where id in ({})"
LEFT: Final = "select id from reservations where id in (select value from json_each(?))"
LATE: Final = "select id, claims from reservations where live = 1 and until <= ? limit ?"
Held: TypeAlias = tuple[str, int, float]  # key, amount and `until` of a claim that is held back
ENCODE: Final = msgspec.msgpack.Encoder().encode
ENCODE_JSON: Final = msgspec.json.Encoder().encode
DECODE: Final = msgspec.msgpack.Decoder(tuple[Held, ...]).decode


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


def rows_of(number: int, row: str) -> str:
    """So many rows of a statement: one that has all of them takes half the time of one for each."""
    return ", ".join([row] * number)


def counters_of(connection: Connection, keys: Collection[str], moment: float) -> dict[str, Counter]:
    """The counters of these keys, also those that are not there yet."""
    found = connection.execute(READ.format(rows_of(len(keys), "(?)")), tuple(keys)) if keys else ()
    rows = {key: (amount, held, until) for key, amount, held, until in found}
    return {key: Counter(rows.get(key), moment) for key in keys}


class Ledger:
    """The counters and reservations that a batch touches, each read once and written once: a statement takes longer than what
    it does, and lets go of the interpreter, for which all threads wait."""

    def __init__(self, connection: Connection, moment: float) -> None:
        self.connection, self.moment = connection, moment
        self.counters: dict[str, Counter] = {}
        self.kept: dict[str, tuple[int, tuple[Held, ...]]] = {}  # by id: 1, or 0 once it has expired; and what it holds back
        self.new: dict[str, tuple[float, tuple[Held, ...]]] = {}  # by id: when it expires; and what it holds back
        self.ended: list[str] = []

    def read(self, keys: Collection[str]) -> None:
        """Have these counters at hand."""
        self.counters |= counters_of(self.connection, keys, self.moment)

    def begin(self, steps: Sequence[Reservation | Settlement]) -> None:
        """Have at hand what these steps touch."""
        names = [step.id for step in steps]
        for name, live, claims in self.connection.execute(FIND.format(rows_of(len(names), "(?)")), names):
            self.kept[name] = live, DECODE(claims)
        keys = {claim.key for step in steps if isinstance(step, Reservation) for claim in step.claims}
        keys.update(key for _, held in self.kept.values() for key, _, _ in held)
        self.read(keys - self.counters.keys())

    def reserve(self, wanted: Reservation) -> Verdict:
        """Grant it, or refuse it."""
        counters = [(claim, self.counters[claim.key]) for claim in wanted.claims]
        short = [(claim, counter) for claim, counter in counters if counter.left(claim) < claim.amount]
        spent = [(claim, counter) for claim, counter in short if counter.left(claim) + counter.held < claim.amount]
        if not short:
            self._keep(wanted, counters)
        return Verdict(
            (spent or short)[0][0] if short else None,
            {claim.key: max(0, counter.left(claim)) for claim, counter in counters},
            {claim.key: counter.until or claim.until for claim, counter in counters},
            bool(short) and not spent,
        )

    def _keep(self, wanted: Reservation, counters: Iterable[tuple[Claim, Counter]]) -> None:
        held = []
        for (key, amount, _, until, counted), counter in counters:
            counter.changed, counter.until = True, counter.until or until
            if counted:
                counter.amount += amount
            else:
                counter.held += amount
                held.append((key, amount, until))
        if held:
            self.settle(Settlement(wanted.id, {}))
            self.new[wanted.id] = wanted.until, tuple(held)

    def settle(self, ended: Settlement) -> None:
        """Release what was held back, and count what was used on the counter of the time in which it was wanted; on none
        when that is over."""
        if ended.id in self.new:
            self._end(1, self.new.pop(ended.id)[1], ended.used)
        elif ended.id in self.kept:
            self._end(*self.kept.pop(ended.id), ended.used)
            self.ended.append(ended.id)

    def expire(self) -> bool:
        """Release what was never settled in its time, after an outage a part of it; whether that is all."""
        late = self.connection.execute(LATE, (self.moment, EXPIRED_AT_ONCE)).fetchall()
        if late:
            lapsed = [DECODE(claims) for _, claims in late]
            self.read({key for held in lapsed for key, _, _ in held})
            for held in lapsed:
                self._end(1, held, {})
            self.connection.execute(LAPSE.format(rows_of(len(late), "?")), [name for name, _ in late])
        return len(late) < EXPIRED_AT_ONCE

    def _end(self, live: int, held: tuple[Held, ...], used: Mapping[str, int]) -> None:
        """live: 1 while it is held back, 0 once that has expired."""
        for key, amount, until in held:
            counter, counted = self.counters[key], used.get(key, 0)
            counter.held, counter.changed = counter.held - live * amount, True
            if counted > 0 and until > self.moment:
                counter.amount, counter.until = counter.amount + min(counted, MOST), counter.until or until

    def raise_to(self, floor: Floor) -> None:
        """Have the counter count at least so much."""
        counter = self.counters[floor.key]
        if floor.until > self.moment and counter.amount < floor.amount:
            counter.amount, counter.until, counter.changed = floor.amount, counter.until or floor.until, True

    def write(self) -> None:
        """Keep what changed."""
        if self.ended:
            self.connection.execute(FORGET.format(rows_of(len(self.ended), "?")), self.ended)
        if self.new:
            made = [(name, until, 1, ENCODE(held)) for name, (until, held) in self.new.items()]
            self.connection.execute(KEEP.format(rows_of(len(made), "(?, ?, ?, ?)")), tuple(chain.from_iterable(made)))
        changed = [(key, each.amount, each.held, each.until) for key, each in self.counters.items() if each.changed]
        for place in range(0, len(changed), MOST_ROWS):
            rows = changed[place : place + MOST_ROWS]
            self.connection.execute(WRITE.format(rows_of(len(rows), "(?, ?, ?, ?)")), tuple(chain.from_iterable(rows)))


class SqliteLimits:
    """The Limits port on SQLite. `clock` is wall time, as processes have to agree on it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database, self.clock = database, clock
        self.looked = self.swept = 0.0

    def reserve(self, steps: Sequence[Reservation | Settlement]) -> Sequence[Verdict | None]:
        verdicts: list[Verdict | None] = []
        with self.database.writing() as connection:
            ledger = Ledger(connection, self.clock())
            if abs(ledger.moment - self.looked) >= LOOK and ledger.expire():  # the clock may be put back
                self.looked = ledger.moment
            ledger.begin(steps)
            for step in steps:
                if isinstance(step, Reservation):
                    verdicts.append(ledger.reserve(step))
                else:
                    ledger.settle(step)
                    verdicts.append(None)
            ledger.write()
            self._sweep(connection, ledger.moment)
        return verdicts

    def settle(self, ended: Sequence[Settlement]) -> None:
        with self.database.reading() as connection:  # most have been settled before, and cost no transaction
            names = ENCODE_JSON([each.id for each in ended]).decode()
            left = {name for (name,) in connection.execute(LEFT, (names,))}
        if left:
            self.reserve([each for each in ended if each.id in left])

    def raise_to(self, floors: Sequence[Floor]) -> None:
        with self.database.writing() as connection:
            ledger = Ledger(connection, self.clock())
            ledger.read({floor.key for floor in floors})
            for floor in floors:
                ledger.raise_to(floor)
            ledger.write()

    def used(self, keys: Sequence[str]) -> Sequence[int]:
        with self.database.reading() as connection:
            moment, expired = self.clock(), dict.fromkeys(keys, 0)
            for _, claims in connection.execute(LATE, (moment, -1)):
                for key, amount, _ in DECODE(claims):
                    if key in expired:
                        expired[key] += amount
            found = counters_of(connection, keys, moment)
        return [found[key].amount + found[key].held - expired[key] for key in keys]

    def _sweep(self, connection: Connection, moment: float) -> None:
        """Once a minute, forget what is long over."""
        if moment - self.swept > 60:
            self.swept = moment
            connection.execute("delete from reservations where live = 0 and until <= ?", (moment - KEPT,))
            connection.execute("delete from counters where until <= ? and held = 0", (moment - 3600,))
