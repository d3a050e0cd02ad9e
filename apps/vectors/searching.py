"""Find the passages of an index that answer a question: by meaning, by words, or by both."""

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from apps.vectors.adapters import backend
from apps.vectors.embedding import embed
from apps.vectors.fusion import fused
from apps.vectors.ports import Filter, Hit, Shelf
from apps.vectors.records import VectorIndex
from foundation.errors import Invalid
from foundation.identity import Caller


class Mode(enum.StrEnum):
    """How a search ranks. A hybrid ranking beats both others on the collections it was measured on, so it is the default."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    TEXT = "text"


DEPTH: Final = 100
Ranking = Callable[[Caller, VectorIndex, Shelf, str, int, Filter], Sequence[Hit]]


def search(caller: Caller, index: VectorIndex, shelf: Shelf, query: str, limit: int, mode: Mode, only: Filter) -> Sequence[Hit]:
    """At most `limit` rows, best first. `score` is the cosine (vector), BM25 (text), or the fused score up to 1 (hybrid)."""
    if not query.strip():
        raise Invalid("query must hold at least one word")
    return RANKINGS[mode](caller, index, shelf, query, limit, only)


def by_meaning(caller: Caller, index: VectorIndex, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
    """The rows whose vectors are nearest to the query's."""
    (vector,) = embed(caller, index.model, [query])
    return backend().nearest(shelf, vector, limit, only)


def by_words(caller: Caller, index: VectorIndex, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
    """The rows that share words with the query."""
    return backend().matching(shelf, query, limit, only)


def by_both(caller: Caller, index: VectorIndex, shelf: Shelf, query: str, limit: int, only: Filter) -> Sequence[Hit]:
    """The best of both rankings; where they are equal, the exact word comes before the meaning."""
    depth = max(limit, DEPTH)
    rankings = [ranked(caller, index, shelf, query, depth, only) for ranked in (by_words, by_meaning)]
    rows = {hit.row.id: hit.row for ranking in rankings for hit in ranking}
    scores = fused(*({hit.row.id: hit.score for hit in ranking} for ranking in rankings))
    return [Hit(rows[identifier], score) for identifier, score in scores[:limit]]


RANKINGS: Final[Mapping[Mode, Ranking]] = {Mode.HYBRID: by_both, Mode.VECTOR: by_meaning, Mode.TEXT: by_words}
