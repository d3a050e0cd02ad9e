"""One SQLite file a purpose, opened once a thread: WAL, every commit on disk before it returns."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from foundation.errors import Unavailable

PRAGMAS: Final = "pragma journal_mode=wal; pragma synchronous=full; pragma temp_store=memory;"
RETRY: Final = 0.02  # seconds

_databases: "Final[weakref.WeakSet[Database]]" = weakref.WeakSet()


def _close_before_a_fork() -> None:
    """SQLite's locks do not pass to a child, which would take an inherited open file for locked and could damage it."""
    for database in list(_databases):
        database.close()


os.register_at_fork(before=_close_before_a_fork)


class Database:
    """Connections to one SQLite file. Transactions are durable on return; a busy or broken file raises Unavailable."""

    def __init__(self, path: Path, schema: str, *, patience: float = 10.0) -> None:
        self.path, self.schema, self.patience = path, schema, patience
        self.local = threading.local()
        _databases.add(self)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened when there is none."""
        connection: sqlite3.Connection | None = getattr(self.local, "connection", None)
        if connection is None:
            try:
                connection = self.local.connection = self._opened()
            except (sqlite3.Error, OSError) as refused:
                raise Unavailable(f"{self.path.name} cannot be opened: {refused}", retry_after=5) from refused
        return connection

    def close(self) -> None:
        """Close this thread's connection, if it has one that is not in the midst of a transaction."""
        connection: sqlite3.Connection | None = getattr(self.local, "connection", None)
        if connection is not None and not connection.in_transaction:
            self._drop(connection)

    def _drop(self, connection: sqlite3.Connection) -> None:
        self.local.connection = None
        connection.close()

    def _refused(self, refused: sqlite3.Error) -> Unavailable:
        """The error to raise. The connection goes: one that was opened on a read-only disk would stay read-only."""
        connection: sqlite3.Connection | None = getattr(self.local, "connection", None)
        if connection is not None:
            self._drop(connection)
        return Unavailable(f"{self.path.name} does not answer: {refused}", retry_after=5)

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        give_up = time.monotonic() + self.patience
        while True:
            opened = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None, cached_statements=512)
            try:
                opened.executescript(f"{PRAGMAS} {self.schema}")
                return opened
            except sqlite3.OperationalError as refused:
                opened.close()
                # SQLite does not wait for a lock with which it turns a file to WAL: of several that open it first, one may.
                if refused.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            time.sleep(RETRY)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        try:
            yield self.connection()
        except sqlite3.Error as refused:
            raise self._refused(refused) from refused

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed and on disk at the end of the block, undone by any exception in it."""
        connection = self.connection()
        try:
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
        except sqlite3.Error as refused:
            raise self._refused(refused) from refused
        except BaseException:
            connection.execute("rollback")
            raise
