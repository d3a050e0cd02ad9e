"""Records and counters of one process on this machine: reads, durable writes and additions a second.

Beside each stands the floor: the same rows read and written by plain sqlite3 in the same run, with the same durability.
A put reads the revision before it writes, in one transaction, and is on disk when it returns; so does the floor.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from foundation.adapters.embedded.counters import SCHEMA as COUNTERS
from foundation.adapters.embedded.counters import SqliteCounters
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.records import Record, record

ROUNDS = 3
ROWS = 1000
SECONDS = 1.0


@record(table="bench_jobs", key=("application", "job"), indexes={"by_created": ("application", "created")})
class Job(Record, frozen=True):
    """A record of the usual size, with one index."""

    application: str
    job: str
    created: datetime
    strategy: str = "recursive"
    total: int = 10
    completed: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """What is done again and again, and what it has to reach a second (0: nothing)."""

    name: str
    work: Callable[[int], object]
    floor: Callable[[int], object]
    wanted: int


def rate(work: Callable[[int], object]) -> float:
    """How often a second `work` is done, one after the other."""
    done, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < SECONDS:
        for _ in range(20):
            work(done)
            done += 1
    return done / taken


class Floor:
    """The same rows in plain sqlite3."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("pragma journal_mode=wal")
        self.connection.execute("pragma synchronous=full")
        self.connection.execute(
            "create table jobs (p text, s text, revision integer, body blob, c text, primary key (p, s)) without rowid"
        )
        self.connection.execute("create index by_created on jobs (p, c)")
        self.connection.execute("create table counters (key text primary key, amount integer) without rowid")

    def get(self, number: int) -> object:
        return self.connection.execute("select body from jobs where p = ? and s = ?", ("a", f"{number % ROWS}")).fetchone()

    def put(self, number: int) -> None:
        self.connection.execute("begin immediate")
        self.connection.execute("select revision from jobs where p = ? and s = ?", ("a", f"{number % ROWS}")).fetchone()
        row = ("a", f"{number % ROWS}", number, b"x" * 200, "2026-11-24T12:00:00.000000+00:00")
        self.connection.execute("insert or replace into jobs values (?, ?, ?, ?, ?)", row)
        self.connection.execute("commit")

    def add(self, number: int) -> None:
        self.connection.execute(
            "insert into counters values (?, 1) on conflict (key) do update set amount = amount + 1 returning amount",
            (f"{number % 10}",),
        ).fetchone()


def measures(place: Path) -> Iterator[Measure]:
    """Every measure, on fresh files in a folder."""
    records = SqliteRecords(Database(place / "records.db", SCHEMA))
    counters = SqliteCounters(Database(place / "counters.db", COUNTERS))
    floor = Floor(place / "floor.db")
    kept = [records.put(Job("a", f"{number}", datetime(2026, 11, 24, tzinfo=UTC))) for number in range(ROWS)]
    for number in range(ROWS):
        floor.put(number)

    def put(number: int) -> None:
        spot = number % ROWS
        kept[spot] = records.put(replace(kept[spot], completed=number))

    yield Measure("gets", lambda number: records.get(Job, "a", f"{number % ROWS}"), floor.get, 5000)
    yield Measure("durable puts", put, floor.put, 1000)
    yield Measure("counter additions", lambda number: counters.add(f"{number % 10}", window=60), floor.add, 0)


def main() -> int:
    """Print the medians; 1 when one of them is not what it has to be."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'a second, one process':<24}{'reached':>10}{'floor':>10}{'wanted':>10}")
        short = False
        for measure in measures(Path(folder)):
            rounds = [(rate(measure.work), rate(measure.floor)) for _ in range(ROUNDS)]
            reached, floor = (statistics.median(each) for each in zip(*rounds, strict=True))
            short = short or reached < measure.wanted
            print(f"{measure.name:<24}{reached:>10,.0f}{floor:>10,.0f}{measure.wanted or '':>10}")
    return int(short)


if __name__ == "__main__":
    raise SystemExit(main())
