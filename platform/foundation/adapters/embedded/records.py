"""Records in one SQLite file: a table for each class of record, a column pair for each of its indexes."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from sqlite3 import Connection
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from foundation.adapters.embedded.database import Database
from foundation.ambient import now
from foundation.errors import Conflict, Invalid, NotFound
from foundation.records import (
    ANY,
    MAXIMUM_PAGE,
    SEPARATOR,
    Absent,
    Page,
    R,
    Record,
    addable,
    batchable,
    composed,
    key_of,
    open_cursor,
    scope_of,
    seal_cursor,
    sortable,
)
from foundation.settings import Settings

AFTER: Final = " "  # a value that ends or goes on with SEPARATOR sorts before this, a longer value does not
AT_ONCE: Final = 32  # records that one statement adds: while their rows are made, no other thread goes on
SCHEMA = """
create table if not exists counted_once (
    kind text, p text, s text, token text, primary key (kind, p, s, token)) without rowid;
"""


def adapter(settings: Settings) -> "SqliteRecords":
    """The records of this machine."""
    return SqliteRecords(Database(settings.home / "records.db", SCHEMA))


@dataclass(frozen=True, slots=True)
class Statements:
    """The SQL of one class of record, written once."""

    create: tuple[str, ...]
    get: str
    add: str
    another: str  # what adds one more record to `add`
    put: str
    revision: str
    delete: str
    expire: str
    decoder: "msgspec.json.Decoder[Any]"


def statements(kind: type[Record]) -> Statements:
    """Every statement that a class of record needs. Index columns are null where the record lacks the indexed value; a file
    may have columns of an index that its record does not have any more."""
    table, indexes = f'"{kind.kind.table}"', kind.kind.indexes
    columns = [column for name in indexes for column in (f'"{name}_p"', f'"{name}_s"')]
    into = f"into {table} ({', '.join(['p', 's', 'revision', 'expires', 'body', *columns])})"
    values = f"(?, ?, ?, ?, ?{', ?' * len(columns)})"
    return Statements(
        create=(
            f"create table if not exists {table} (p text, s text, revision integer, expires real, body blob, "
            + "".join(f"{column} text, " for column in columns)
            + "primary key (p, s)) without rowid",
            *(f'create index if not exists "{kind.kind.table}_{name}" on {table} ("{name}_p", "{name}_s")' for name in indexes),
            f'create index if not exists "{kind.kind.table}_expires" on {table} (expires) where expires is not null',
        ),
        get=f"select body from {table} where p = ? and s = ? and (expires is null or expires > ?)",
        add=f"insert or ignore {into} values {values}",
        another=f", {values}",
        put=f"insert or replace {into} values {values}",
        revision=f"select revision from {table} where p = ? and s = ?",
        delete=f"delete from {table} where p = ? and s = ?",
        expire=f"delete from {table} where p = ? and s = ? and expires <= ?",
        decoder=msgspec.json.Decoder(kind),
    )


def position(values: Sequence[Any]) -> tuple[str, str]:
    """The group and the place inside it of a key or an index."""
    return sortable(values[0]), composed(values[1:])


def row(record: Record, place: tuple[str, str]) -> tuple[Any, ...]:
    """A record as its table has it."""
    kind = record.kind
    expires = getattr(record, kind.expires) if kind.expires else None
    indexed: list[str | None] = []
    for fields in kind.indexes.values():
        values = key_of(record, fields)
        indexed += (None, None) if None in values else position(values)
    return (*place, record.revision, expires and expires.timestamp(), msgspec.json.encode(record), *indexed)


def bounds(column: str, fields: Sequence[str], prefix: Sequence[Any], between: tuple[Any, Any] | None) -> tuple[str, list[str]]:
    """The SQL condition, with its values, under which the text in `column` is inside a query."""
    whole = composed(prefix[1:])
    if len(prefix) == len(fields):
        return f"{column} = ?", [whole]
    beginning = whole + SEPARATOR if len(prefix) > 1 else ""
    low, high = beginning, whole + AFTER
    if between:
        low, high = beginning + sortable(between[0]), beginning + sortable(between[1]) + AFTER
    elif not beginning:
        return "true", []
    return f"{column} >= ? and {column} < ?", [low, high]


class SqliteRecords:
    """The Records port on SQLite."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.known: dict[type[Record], Statements] = {}
        self.lock = threading.Lock()

    def get(self, kind: type[R], *key: Any) -> R | None:
        sql = self._sql(kind)
        with self.database.reading() as connection:
            found = connection.execute(sql.get, (*position(key), now().timestamp())).fetchone()
        return None if found is None else sql.decoder.decode(found[0])

    def put(self, record: R, *, expect: int | Absent | None = None) -> R:
        self._sql(type(record))
        with self.database.writing() as connection:
            return self._put(connection, record, record.revision if expect is None else expect)

    def delete(self, kind: type[Record], *key: Any) -> bool:
        sql = self._sql(kind)
        with self.database.writing() as connection:
            self._forget(connection, kind, position(key))
            return connection.execute(sql.delete, position(key)).rowcount > 0

    def query(
        self,
        kind: type[R],
        *prefix: Any,
        index: str | None = None,
        between: tuple[Any, Any] | None = None,
        descending: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[R]:
        if not 1 <= limit <= MAXIMUM_PAGE:
            raise Invalid(f"limit ({limit}) must be from 1 to {MAXIMUM_PAGE}")
        sql = self._sql(kind)
        fields = kind.kind.indexes[index] if index else kind.kind.key
        group, order = (f'"{index}_p"', f'"{index}_s"') if index else ("p", "s")
        place = f"{order}, p, s" if index else "s"
        scope = scope_of(kind, prefix, index, between, descending)
        inside, edges = bounds(order, fields, prefix, between)
        where = f"{group} = ? and {inside} and (expires is null or expires > ?)"
        values: list[Any] = [sortable(prefix[0]), *edges, now().timestamp()]
        if cursor:
            reached = open_cursor(scope, cursor)
            where += f" and ({place}) {'<' if descending else '>'} ({', '.join('?' * len(reached))})"
            values += reached
        ordered = ", ".join(f"{column} {'desc' if descending else 'asc'}" for column in place.split(", "))
        with self.database.reading() as connection:
            rows = connection.execute(
                f'select body, {place} from "{kind.kind.table}" where {where} order by {ordered} limit ?', (*values, limit + 1)
            ).fetchall()
        more = seal_cursor(scope, rows[limit - 1][1:]) if len(rows) > limit else None
        return Page(tuple(sql.decoder.decode(row[0]) for row in rows[:limit]), more)

    def increment(
        self,
        kind: type[R],
        *key: Any,
        by: Mapping[str, int | float],
        once: str | None = None,
        initial: R | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> R:
        addable(kind, [*by, *(also or ())])
        sql, place = self._sql(kind), position(key)
        with self.database.writing() as connection:
            self._expire(connection, kind, place)
            stored = connection.execute(sql.get, (*place, now().timestamp())).fetchone()
            found: R | None = initial if stored is None else sql.decoder.decode(stored[0])
            if found is None:
                raise NotFound(f"no such record in {kind.kind.table}")
            if once is not None and not self._first(connection, kind, place, once):
                return found
            grown: dict[str, Any] = {name: getattr(found, name) + amount for name, amount in by.items()}
            return self._put(connection, replace(found, **grown, **(also or {})), ANY)

    def add(self, records: Sequence[Record]) -> None:
        for kind in {type(record) for record in records}:
            self._sql(kind)
        with self.database.writing() as connection:
            for kind, same in groupby(records, type):
                self._add(connection, self._sql(kind), list(same))

    def batch(self, records: Sequence[Record]) -> None:
        batchable(records)
        for record in records:
            self._sql(type(record))
        with self.database.writing() as connection:
            for record in records:
                self._put(connection, record, record.revision)

    def remove(self, records: Sequence[Record], *, same: Sequence[str]) -> None:
        batchable(records)
        for record in records:
            self._sql(type(record))
        with self.database.writing() as connection:
            for record in records:
                self._remove(connection, record, same)

    def sweep(self, kinds: Sequence[type[Record]]) -> int:
        """Remove what has expired; the number removed. Expired records are invisible before that too."""
        moment, removed = now().timestamp(), 0
        for kind in kinds:
            sql = self._sql(kind)
            gone = f'select p, s from "{kind.kind.table}" where expires <= ?'
            with self.database.writing() as connection:
                for place in connection.execute(gone, (moment,)).fetchall():
                    removed += connection.execute(sql.delete, place).rowcount
                    self._forget(connection, kind, place)
        return removed

    def _sql(self, kind: type[Record]) -> Statements:
        known = self.known.get(kind)
        if known is not None:
            return known
        sql = statements(kind)
        with self.lock, self.database.writing() as connection:
            for statement in sql.create:
                connection.execute(statement)
        self.known[kind] = sql
        return sql

    def _add(self, connection: Connection, sql: Statements, records: Sequence[Record]) -> None:
        """Add records of one class, many by one statement. While SQLite is at work on it, other threads go on; with a statement
        for each, its work is so short that hardly any of them can begin."""
        for place in range(0, len(records), AT_ONCE):
            some = records[place : place + AT_ONCE]
            rows = [row(replace(each, revision=1), position(key_of(each, each.kind.key))) for each in some]
            statement = sql.add + sql.another * (len(rows) - 1)
            if connection.execute(statement, tuple(chain.from_iterable(rows))).rowcount < len(rows):
                for record in some:  # one of them may only have expired
                    with suppress(Conflict):
                        self._put(connection, record, 0)

    def _put(self, connection: Connection, record: R, expect: int | Absent) -> R:
        kind, place = record.kind, position(key_of(record, record.kind.key))
        sql = self.known[type(record)]
        if expect == 0:  # most are new, and nothing has to be read for these
            added = replace(record, revision=1)
            if connection.execute(sql.add, row(added, place)).rowcount:
                return added
        self._expire(connection, type(record), place)
        found = connection.execute(sql.revision, place).fetchone()
        stored = 0 if found is None else found[0]
        if expect is not ANY and stored != expect:
            raise Conflict(f"{kind.table}: somebody else changed it (revision {stored}, not {expect}); read it and try again")
        kept = replace(record, revision=stored + 1)
        connection.execute(sql.put, row(kept, place))
        return kept

    def _remove(self, connection: Connection, record: Record, same: Sequence[str]) -> None:
        kind, place = type(record), position(key_of(record, record.kind.key))
        sql = self.known[kind]
        stored = connection.execute(sql.get, (*place, now().timestamp())).fetchone()
        if stored is None or key_of(sql.decoder.decode(stored[0]), same) != key_of(record, same):
            raise Conflict(f"{record.kind.table}: somebody else changed or removed it; read it and try again")
        connection.execute(sql.delete, place)
        self._forget(connection, kind, place)

    def _expire(self, connection: Connection, kind: type[Record], place: tuple[str, str]) -> None:
        if kind.kind.expires and connection.execute(self.known[kind].expire, (*place, now().timestamp())).rowcount:
            self._forget(connection, kind, place)

    def _forget(self, connection: Connection, kind: type[Record], place: tuple[str, str]) -> None:
        connection.execute("delete from counted_once where kind = ? and p = ? and s = ?", (kind.kind.table, *place))

    def _first(self, connection: Connection, kind: type[Record], place: tuple[str, str], token: str) -> bool:
        return (
            connection.execute(
                "insert or ignore into counted_once values (?, ?, ?, ?)", (kind.kind.table, *place, token)
            ).rowcount
            > 0
        )
