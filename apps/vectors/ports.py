"""What vectors need from a vendor: a place that keeps rows of text with their vectors and finds the nearest ones.

Promises only; one class of tests runs over every adapter (tests/conformance/test_vector_backends.py). Every verb raises
errors.Unavailable when the backend does not answer, and is safe between threads and processes.

What a verb wrote is durable when it returns. Reads find it at once, or, where the backend is one that shows its writes late,
within about a minute after `settle`: `present` tells which rows they find by now. No read finds a row twice.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class StoreStatus(enum.StrEnum):
    """Where a store stands, in the words of the wire."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    DELETING = "DELETING"
    FAILED = "FAILED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where an index stands: the application that owns it, its store, and its own id."""

    application: str
    store: str
    index: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row comes from: a file of a chunking job."""

    chunking_job: str
    file: str


@dataclass(frozen=True, slots=True)
class Row:
    """A chunk in an index. `number` counts the chunks of its file from 1. `id` is unique in the index."""

    id: str
    text: str
    source: Source
    page: int
    number: int


@dataclass(frozen=True, slots=True)
class VectorRow:
    """A row with its vector, as it is stored."""

    row: Row
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found. Of two hits of one search the one with the higher score is the better."""

    row: Row
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may be found: only of this file, only of this chunking job; None: of any."""

    file: str | None = None
    chunking_job: str | None = None


class VectorBackend(Protocol):
    """Stores, the indexes in them, and the rows in those. Ids come from the platform and are never used twice."""

    def create_store(self, application: str, store: str) -> None:
        """Make an empty store, or begin to; `store_status` tells when it can be used. A repeat changes nothing."""

    def delete_store(self, application: str, store: str) -> None:
        """Remove a store with everything in it; a repeat changes nothing."""

    def store_status(self, application: str, store: str) -> StoreStatus:
        """Where a store that was made stands. Which stores there are is in the records; a backend need not know it."""

    def create_index(self, shelf: Shelf, dimension: int) -> None:
        """Make an empty index for vectors of this many numbers; it is usable on return. A repeat changes nothing.

        Unavailable also when it is made but not usable yet; a repeat waits on.
        """

    def delete_index(self, shelf: Shelf) -> None:
        """Remove an index with its rows; a repeat changes nothing."""

    def has_index(self, shelf: Shelf) -> bool:
        """Whether the index is there and can be used."""

    def upsert(self, shelf: Shelf, rows: Sequence[VectorRow]) -> None:
        """Put rows, each over the one of the same id. Ids within `rows` are distinct.

        NotFound without the index; Invalid, and nothing is put, when a vector has another dimension. When it raises
        Unavailable some rows may be in; a repeat puts them all.
        """

    def settle(self, shelf: Shelf, source: Source) -> None:
        """Called when a file is in: a moment to show it, and to make searches fast again. A repeat changes nothing.

        NotFound without the index.
        """

    def present(self, shelf: Shelf, source: Source) -> frozenset[str]:
        """The ids of all rows of one file that reads find. NotFound without the index."""

    def delete_file(self, shelf: Shelf, source: Source) -> None:
        """Remove all rows of one file that reads find; a repeat changes nothing. NotFound without the index."""

    def nearest(self, shelf: Shelf, vector: Sequence[float], limit: int, only: Filter) -> Sequence[Hit]:
        """The rows whose vectors point most nearly the same way, best first; `score` is the cosine, -1 to 1.

        NotFound without the index.
        """

    def matching(self, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
        """The rows that share words with `query`, best first by BM25; `query` is words, never a query language.

        NotFound without the index.
        """

    def count(self, shelf: Shelf) -> int:
        """How many rows the index holds. NotFound without the index."""
