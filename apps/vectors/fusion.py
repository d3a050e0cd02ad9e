"""Make one ranking out of several. Pure: ranked ids in, ranked ids with scores out."""

from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

K: Final = 60

T = TypeVar("T", bound=Hashable)


def reciprocal_rank(*rankings: Sequence[T]) -> list[tuple[T, float]]:
    """Every item with its score, best first: the sum over the rankings of 1 / (60 + its rank in it), ranks from 1.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009, with their constant. Scores
    are scaled so that an item that is first everywhere has 1. Among equals the one that came first in the arguments is first.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (K + rank)
    highest = len(rankings) / (K + 1)
    return sorted(((item, score / highest) for item, score in scores.items()), key=lambda scored: -scored[1])
