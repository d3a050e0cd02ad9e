"""Several rankings made into one."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.vectors.fusion import fused

SCORES = some.dictionaries(some.integers(0, 50), some.floats(-1, 40, allow_nan=False))


def test_what_both_rankings_hold_is_before_what_only_one_holds() -> None:
    assert [item for item, _ in fused({"a": 9.0, "b": 8.0, "c": 1.0}, {"b": 0.5, "d": 0.1})] == ["b", "a", "c", "d"]


def test_an_item_that_is_first_everywhere_has_the_score_1() -> None:
    assert fused({"a": 7.0, "b": 3.0}, {"a": 0.2})[0] == ("a", pytest.approx(1.0))


def test_the_score_is_the_mean_of_the_scores_scaled_from_lowest_to_highest() -> None:
    scores = dict(fused({"a": 10.0, "b": 4.0, "c": 0.0}, {"b": 0.9, "c": 0.8, "d": 0.5}))
    assert scores == {"a": pytest.approx(0.5), "b": pytest.approx(0.7), "c": pytest.approx(0.375), "d": 0.0}


def test_among_equals_the_item_of_the_earlier_ranking_is_first() -> None:
    assert [item for item, _ in fused({"word": 3.0}, {"meaning": 0.8})] == ["word", "meaning"]


def test_one_ranking_keeps_its_order_beside_an_empty_one() -> None:
    assert [item for item, _ in fused({}, {3: 0.9, 1: 0.4, 2: 0.1})] == [3, 1, 2]


def test_nothing_makes_nothing() -> None:
    assert fused({}, {}) == []


@given(some.lists(SCORES, min_size=1, max_size=4))
def test_every_item_comes_once_with_a_score_from_0_to_1_and_scores_fall(rankings: list[dict[int, float]]) -> None:
    made = fused(*rankings)
    assert sorted(item for item, _ in made) == sorted({item for ranking in rankings for item in ranking})
    scores = [score for _, score in made]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 + 1e-9 for score in scores)
