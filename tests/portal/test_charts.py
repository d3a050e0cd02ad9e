"""The geometry of charts, and tables as CSV."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.portal.charts import HEIGHT, LEFT, WIDTH, Point, columns, scale, short
from apps.portal.csvs import table


@given(st.lists(st.integers(0, 10**12), max_size=400))
def test_every_column_stands_inside_the_drawing_and_is_as_high_as_its_share(values: list[int]) -> None:
    chart = columns("Calls", "calls", [Point(str(place), value) for place, value in enumerate(values)])
    assert chart.total == sum(values) and len(chart.bars) == len(values)
    for bar in chart.bars:
        assert bar.x >= LEFT and bar.x + bar.width <= WIDTH and 0 <= bar.y <= HEIGHT
        assert bar.y + bar.height == pytest.approx(chart.baseline)
    highest = max(values, default=0)
    for bar in chart.bars:
        other = next(one for one in chart.bars if one.value == highest)
        assert bar.height * highest == pytest.approx(other.height * bar.value)


@given(st.integers(0, 10**15))
def test_a_scale_is_over_the_largest_and_less_than_two_and_a_half_times_it(largest: int) -> None:
    assert scale(largest) >= largest
    assert largest < 4 or scale(largest) <= 2.5 * largest


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1250, "1.2k"), (250_000, "250k"), (4_000_000, "4M"), (2e9, "2B")],
)
def test_large_numbers_are_said_short(amount: float, text: str) -> None:
    assert short(amount) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert table(["name"], [[text]]).splitlines()[1].strip('"').startswith("'")
