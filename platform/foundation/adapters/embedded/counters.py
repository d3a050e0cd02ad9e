"""Counters in one SQLite file, shared by every process of this machine."""

import time
from collections.abc import Callable

from foundation.adapters.embedded.database import Database
from foundation.settings import Settings

SCHEMA = """
create table if not exists counters (key text primary key, amount integer, until real) without rowid;
"""
COUNT = """
insert into counters values (:key, :amount, :until)
on conflict (key) do update set
    amount = case when until <= :now then :amount else amount + :amount end,
    until = case when until <= :now then :until else until end
returning amount
"""


def adapter(settings: Settings) -> "SqliteCounters":
    """The counters of this machine."""
    return SqliteCounters(Database(settings.home / "counters.db", SCHEMA))


class SqliteCounters:
    """The Counters port on SQLite. `clock` is wall time, as processes have to agree on it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database, self.clock = database, clock

    def add(self, key: str, amount: int = 1, *, window: int) -> int:
        moment = self.clock()
        with self.database.writing() as connection:
            connection.execute("delete from counters where until <= ? and key <> ?", (moment - 3600, key))
            values = {"key": key, "amount": amount, "until": moment + window, "now": moment}
            return int(connection.execute(COUNT, values).fetchone()[0])

    def read(self, key: str) -> int:
        with self.database.reading() as connection:
            row = connection.execute("select amount from counters where key = ? and until > ?", (key, self.clock())).fetchone()
        return int(row[0]) if row else 0

    def forget(self, key: str) -> None:
        with self.database.writing() as connection:
            connection.execute("delete from counters where key = ?", (key,))
