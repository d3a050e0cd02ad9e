"""Vectors on this machine's disk in LanceDB: a table an index, under `<home>/vectors/<application>/<store>`.

Every read looks for what other processes wrote. Writes of one index happen one after the other, also between processes,
by a lock on a file beside the table. Importing this module loads the engine.
"""

import fcntl
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property, lru_cache, reduce
from operator import and_
from pathlib import Path
from typing import Any, Final

import lancedb
import pyarrow  # type: ignore[import-untyped]
from lancedb.db import LanceDBConnection
from lancedb.expr import Expr, col, lit
from lancedb.index import FTS, BTree, HnswSq
from lancedb.query import FullTextOperator, LanceEmptyQueryBuilder, LanceFtsQueryBuilder, LanceVectorQueryBuilder, MatchQuery
from lancedb.table import LanceTable

from apps.vectors.ports import Filter, Hit, Row, Shelf, Source, StoreStatus, VectorRow
from foundation.errors import Invalid, NotFound, Unavailable
from foundation.settings import Settings

logger = logging.getLogger(__name__)

INDEX_CACHE: Final = 128 * 2**20
METADATA_CACHE: Final = 32 * 2**20
OPEN_TABLES: Final = 64
OPEN_STORES: Final = 64
FRAGMENTS_BEFORE_OPTIMIZE: Final = 16
ROWS_BEFORE_OPTIMIZE: Final = 1_000
ROWS_BEFORE_GRAPH: Final = 8_192
COMPARED: Final = 64  # the graph keeps 8 bits a number: so many of its finds are compared again in full, for exact scores
OLD_VERSIONS_KEPT: Final = timedelta(minutes=10)
PATIENCE: Final = 20.0
GRAPH: Final = "vector_idx"
SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
SHOWN: Final = ["id", "text", "chunking_job", "file", "page", "number"]

os.environ["LANCE_INCLUDE_VECTOR_CENTROIDS"] = "false"  # the engine logs a warning until it is told; nothing here reads them


def adapter(settings: Settings) -> "LanceVectors":
    """The vectors of this machine."""
    return LanceVectors(settings.home / "vectors")


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turns the engine's exceptions into ours; what they say names places on this disk, so it goes into the log only."""
    try:
        yield
    except (RuntimeError, OSError, ValueError) as failed:
        logger.warning("the vector store could not %s: %s", what, failed)
        raise Unavailable(f"the vector store could not {what}; try again", retry_after=5) from failed


def condition(only: Filter) -> Expr | None:
    """The filter in the engine's terms, or None when it lets everything through."""
    wanted = {"file": only.file, "chunking_job": only.chunking_job}
    parts = [col(name) == lit(value) for name, value in wanted.items() if value is not None]
    return reduce(and_, parts) if parts else None


def of_source(source: Source) -> Expr:
    """The rows of one file."""
    return (col("file") == lit(source.file)) & (col("chunking_job") == lit(source.chunking_job))


class LanceVectors:
    """The VectorBackend port on LanceDB. A write waits at most `patience` seconds for others to end theirs."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self.folder, self.patience = folder, patience
        self.store = lru_cache(maxsize=OPEN_STORES)(self._connected)
        self.table = lru_cache(maxsize=OPEN_TABLES)(self._opened)

    def create_store(self, application: str, store: str) -> None:
        with answering("make a store"):
            self._place(application, store).mkdir(parents=True, exist_ok=True, mode=0o700)

    def delete_store(self, application: str, store: str) -> None:
        with answering("remove a store"), suppress(FileNotFoundError):
            shutil.rmtree(self._place(application, store))

    def store_status(self, application: str, store: str) -> StoreStatus:
        return StoreStatus.ACTIVE if self._place(application, store).is_dir() else StoreStatus.NOT_FOUND

    def create_index(self, shelf: Shelf, dimension: int) -> None:
        with self._writing(shelf), answering("make an index"):
            if self.has_index(shelf):
                return
            made = self.store(shelf.application, shelf.store).create_table(shelf.index, schema=schema(dimension), exist_ok=True)
            made.create_index("id", config=BTree())
            made.create_index("text", config=FTS(base_tokenizer="icu/split"))
            self._ready(shelf).touch()

    def delete_index(self, shelf: Shelf) -> None:
        if self.store_status(shelf.application, shelf.store) is StoreStatus.NOT_FOUND:
            return
        with self._writing(shelf), answering("remove an index"):
            self._ready(shelf).unlink(missing_ok=True)
            self.store(shelf.application, shelf.store).drop_table(shelf.index, ignore_missing=True)

    def has_index(self, shelf: Shelf) -> bool:
        return self._ready(shelf).exists()

    def upsert(self, shelf: Shelf, rows: Sequence[VectorRow]) -> None:
        if not rows:
            return
        with self._writing(shelf), answering("keep rows"):
            table = self._table(shelf)
            content = columns(rows, table.schema)
            table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(content)

    def settle(self, shelf: Shelf, source: Source) -> None:
        with self._writing(shelf), answering("put an index in order"):
            table = self._table(shelf)
            stored: Any = table.stats()
            indices = {each.name: each.num_unindexed_rows or 0 for each in table.list_indices()}
            fragments = stored["fragment_stats"]["num_fragments"]
            if fragments >= FRAGMENTS_BEFORE_OPTIMIZE or max(indices.values()) >= ROWS_BEFORE_OPTIMIZE:
                table.optimize(cleanup_older_than=OLD_VERSIONS_KEPT)
            if stored["num_rows"] >= ROWS_BEFORE_GRAPH and GRAPH not in indices:
                table.create_index("vector", config=HnswSq(distance_type="cosine", num_partitions=1), name=GRAPH)

    def present(self, shelf: Shelf, source: Source) -> frozenset[str]:
        with answering("look up a file"):
            rows = LanceEmptyQueryBuilder(self._table(shelf)).where(of_source(source))
            return frozenset(rows.select(["id"]).limit(None).to_arrow()["id"].to_pylist())

    def delete_file(self, shelf: Shelf, source: Source) -> None:
        with self._writing(shelf), answering("remove a file"):
            self._table(shelf).delete(of_source(source))

    def nearest(self, shelf: Shelf, vector: Sequence[float], limit: int, only: Filter) -> Sequence[Hit]:
        with answering("search"):
            near = LanceVectorQueryBuilder(self._table(shelf), list(vector), "vector").distance_type("cosine")
            found = rows_of(near.refine_factor(-(-COMPARED // limit)), "_distance", limit, only)
        return [Hit(row_of(each), 1 - each["_distance"]) for each in found]

    def matching(self, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
        with answering("search"):
            found = rows_of(LanceFtsQueryBuilder(self._table(shelf), any_word_of(query)), "_score", limit, only)
        return [Hit(row_of(each), each["_score"]) for each in found]

    def count(self, shelf: Shelf) -> int:
        with answering("count"):
            return self._table(shelf).count_rows()

    @cached_property
    def session(self) -> lancedb.Session:
        """The engine's caches, shared by all stores, with a bound that suits a process of a few hundred megabytes."""
        return lancedb.Session(index_cache_size_bytes=INDEX_CACHE, metadata_cache_size_bytes=METADATA_CACHE)

    def _connected(self, application: str, store: str) -> LanceDBConnection:
        place = self._place(application, store)
        return LanceDBConnection(place, read_consistency_interval=timedelta(0), session=self.session)

    def _opened(self, shelf: Shelf) -> LanceTable:
        return self.store(shelf.application, shelf.store).open_table(shelf.index)

    def _table(self, shelf: Shelf) -> LanceTable:
        if not self.has_index(shelf):
            raise NotFound("Index not found")
        return self.table(shelf)

    def _place(self, *parts: str) -> Path:
        if not all(SAFE.fullmatch(part) for part in parts):
            raise Invalid(f"{'/'.join(parts)[:100]!r} cannot be the place of a store or index")
        return self.folder.joinpath(*parts)

    def _ready(self, shelf: Shelf) -> Path:
        return self._place(shelf.application, shelf.store, shelf.index).with_suffix(".ready")

    @contextmanager
    def _writing(self, shelf: Shelf) -> Iterator[None]:
        """Holds the index's lock; the system releases it when the process dies."""
        try:
            lock = os.open(self._ready(shelf).with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as missing:
            raise NotFound("Store not found") from missing
        except OSError as refused:
            raise Unavailable(f"the vector store cannot be written: {refused.strerror}", retry_after=30) from refused
        try:
            wait_for_lock(lock, self.patience)
            yield
        finally:
            os.close(lock)


def rows_of(
    query: LanceVectorQueryBuilder | LanceFtsQueryBuilder, score: str, limit: int, only: Filter
) -> list[dict[str, Any]]:
    """What a query finds, best first."""
    where = condition(only)
    asked = query.select([*SHOWN, score]).limit(limit)
    return (asked if where is None else asked.where(where, prefilter=True)).to_list()


def any_word_of(query: str) -> MatchQuery:
    """Finds rows that hold at least one word of `query` or another form of it."""
    return MatchQuery(
        query,
        "text",
        boost=1.0,
        fuzziness=0,
        max_expansions=50,
        operator=FullTextOperator.OR,
        prefix_length=0,
        document_granularity=None,
    )


def wait_for_lock(lock: int, patience: float) -> None:
    """Take an exclusive lock on an open file; Unavailable when others hold it for `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            if time.monotonic() > end:
                raise Unavailable("the index is being written by others all the time; try again", retry_after=10) from held
            time.sleep(0.01)


def schema(dimension: int) -> pyarrow.Schema:
    """The columns of an index for vectors of this many numbers."""
    texts = [(name, pyarrow.string()) for name in ("id", "text", "chunking_job", "file")]
    numbers = [(name, pyarrow.int32()) for name in ("page", "number")]
    return pyarrow.schema([*texts, *numbers, ("vector", pyarrow.list_(pyarrow.float32(), dimension))])


def columns(rows: Sequence[VectorRow], shape: pyarrow.Schema) -> pyarrow.Table:
    """Rows as the columns of an index; Invalid when a vector does not fit it."""
    dimension = shape.field("vector").type.list_size
    wrong = next((each for each in rows if len(each.vector) != dimension), None)
    if wrong is not None:
        raise Invalid(f"a vector of {len(wrong.vector)} numbers does not fit an index of {dimension}")
    content = {
        "id": [each.row.id for each in rows],
        "text": [each.row.text for each in rows],
        "chunking_job": [each.row.source.chunking_job for each in rows],
        "file": [each.row.source.file for each in rows],
        "page": [each.row.page for each in rows],
        "number": [each.row.number for each in rows],
        "vector": [each.vector for each in rows],
    }
    return pyarrow.Table.from_pydict(content, schema=shape)


def row_of(found: Mapping[str, Any]) -> Row:
    """A row as the engine returns it."""
    return Row(found["id"], found["text"], Source(found["chunking_job"], found["file"]), found["page"], found["number"])
