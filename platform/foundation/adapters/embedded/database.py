"""One SQLite file a purpose, opened once a thread: WAL, every commit on disk before it returns."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import Unavailable


class Database:
    """Connections to one SQLite file. Transactions are durable on return; a busy or broken file raises Unavailable."""

    def __init__(self, path: Path, schema: str, *, patience: float = 10.0) -> None:
        self.path, self.schema, self.patience = path, schema, patience
        self.local = threading.local()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened when there is none (also after a fork)."""
        if getattr(self.local, "process", None) != os.getpid():
            try:
                self.local.connection = self._opened()
            except (sqlite3.Error, OSError) as refused:
                raise Unavailable(f"{self.path.name} cannot be opened: {refused}", retry_after=5) from refused
            self.local.process = os.getpid()
        connection: sqlite3.Connection = self.local.connection
        return connection

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None, cached_statements=512)
        opened.execute("pragma journal_mode=wal")
        opened.execute("pragma synchronous=full")
        opened.execute("pragma temp_store=memory")
        opened.executescript(self.schema)
        return opened

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        try:
            yield self.connection()
        except sqlite3.Error as refused:
            raise Unavailable(f"{self.path.name} does not answer: {refused}", retry_after=5) from refused

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed and on disk at the end of the block, undone by any exception in it."""
        connection = self.connection()
        try:
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
        except sqlite3.Error as refused:
            raise Unavailable(f"{self.path.name} does not answer: {refused}", retry_after=5) from refused
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
