"""Ranks into one ranking."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.vectors.fusion import reciprocal_rank


def test_what_both_rankings_hold_is_before_what_only_one_holds() -> None:
    assert [item for item, _ in reciprocal_rank(["a", "b", "c"], ["d", "c"])] == ["c", "a", "d", "b"]


def test_an_item_that_is_first_everywhere_has_the_score_1() -> None:
    assert reciprocal_rank(["a", "b"], ["a"])[0] == ("a", pytest.approx(1.0))


def test_the_score_is_the_sum_of_1_over_60_plus_rank_scaled_to_the_best_possible() -> None:
    scores = dict(reciprocal_rank(["a", "b"], ["b", "c"]))
    assert scores["b"] == pytest.approx((1 / 62 + 1 / 61) / (2 / 61))
    assert scores["c"] == pytest.approx((1 / 62) / (2 / 61))


@given(some.lists(some.lists(some.integers(0, 50), unique=True), min_size=1, max_size=4))
def test_every_item_comes_once_and_scores_fall(rankings: list[list[int]]) -> None:
    fused = reciprocal_rank(*rankings)
    assert sorted(item for item, _ in fused) == sorted({item for ranking in rankings for item in ranking})
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_one_ranking_keeps_its_order() -> None:
    assert [item for item, _ in reciprocal_rank([3, 1, 2], [])] == [3, 1, 2]
