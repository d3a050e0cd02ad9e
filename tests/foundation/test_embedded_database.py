"""SQLite files: what many threads and processes may do with one at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.errors import Unavailable
from foundation.records import Record, record

TABLE = "create table if not exists things (name text primary key) without rowid;"
AT_ONCE = 16


@record(table="shared_things", key=("application", "thing"), indexes={"by_colour": ("application", "colour")})
class Thing(Record, frozen=True):
    """As it was."""

    application: str
    thing: str
    colour: str


@record(table="shared_things", key=("application", "thing"))
class ThingSince(Record, frozen=True):
    """As it is: nobody asks for the index."""

    application: str
    thing: str
    colour: str


def test_many_that_open_a_new_file_at_once_are_all_served(tmp_path: Path) -> None:
    for turn in range(25):
        barrier = threading.Barrier(AT_ONCE)

        def write(number: int, turn: int = turn, barrier: threading.Barrier = barrier) -> None:
            database = Database(tmp_path / f"{turn}.db", TABLE)
            barrier.wait()
            with database.writing() as connection:
                connection.execute("insert into things values (?)", (str(number),))
            database.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(write, range(AT_ONCE)))
        with Database(tmp_path / f"{turn}.db", TABLE).reading() as connection:
            assert connection.execute("select count(*) from things").fetchone() == (AT_ONCE,)


def test_a_file_that_stays_locked_is_unavailable_once_the_patience_is_over(tmp_path: Path) -> None:
    holder = Database(tmp_path / "held.db", TABLE)
    holder.connection().execute("pragma locking_mode=exclusive")
    holder.connection().execute("begin exclusive")
    with pytest.raises(Unavailable, match=r"held\.db cannot be opened: database is locked"):
        Database(tmp_path / "held.db", TABLE, patience=0.2).connection()


def test_a_file_with_an_index_that_its_record_lost_is_read_and_written(tmp_path: Path) -> None:
    kept = Thing("application", "thing", "red")
    SqliteRecords(Database(tmp_path / "records.db", SCHEMA)).put(kept)
    store = SqliteRecords(Database(tmp_path / "records.db", SCHEMA))
    found = store.get(ThingSince, "application", "thing")
    assert found is not None and found.colour == "red"
    store.put(replace(found, colour="blue"))
    store.put(ThingSince("application", "other", "green"))
    assert [each.colour for each in store.query(ThingSince, "application").items] == ["green", "blue"]
