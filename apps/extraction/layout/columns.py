"""The reading order of a page: where text stands in columns, one column after the other.

A recursive cut: the longest band of lines with one gutter through all of them is cut out, its sides and what is above and
below it are read in turn (after the recursive XY cut of Nagy and Seth, 1984, with gutters in place of white bands).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from apps.extraction.layout.geometry import Word
from apps.extraction.layout.lines import Line, dominant, lines_of, pitch

NARROWEST: Final = 0.8  # of the font size: the narrowest gutter
FEWEST_LINES: Final = 4  # on each side of a gutter
FEWEST_WORDS: Final = 2.5  # in the median line of each side: fewer are cells of a table
FILL: Final = 0.5  # of a side's width that its median line covers
TRIED: Final = 24
DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Band:
    """Lines `first` to before `last` stand in two columns, left and right of `gutter`."""

    first: int
    last: int
    gutter: float
    weight: float


def flows(words: Sequence[Word], depth: int = 0) -> list[list[Line]]:
    """The columns of the words in reading order, each as its lines from top to bottom."""
    if not words:
        return []
    lines = lines_of(words)
    band = widest_band(lines) if depth < DEEPEST else None
    if band is None:
        return [lines]
    inside = [word for line in lines[band.first : band.last] for word in line.words]
    parts = (
        [word for line in lines[: band.first] for word in line.words],
        [word for word in inside if word.box.center < band.gutter],
        [word for word in inside if word.box.center >= band.gutter],
        [word for line in lines[band.last :] for word in line.words],
    )
    if max(len(part) for part in parts) == len(words):
        return [lines]
    return [flow for part in parts for flow in flows(part, depth + 1)]


def widest_band(lines: Sequence[Line]) -> Band | None:
    """The heaviest band of lines in two columns of running text, or None where the lines are one column."""
    if len(lines) < FEWEST_LINES:
        return None
    size = dominant(word for line in lines for word in line.words)
    found: list[Band] = []
    for x in _candidates(lines, NARROWEST * size):
        found += (band for run in _runs(lines, x, 0.2 * size) if (band := _band(lines, run, x, size)) is not None)
    return max(found, key=lambda band: band.weight, default=None)


def _candidates(lines: Sequence[Line], narrowest: float) -> list[float]:
    """Where gutters may be: the middles of wide gaps between neighbours, the most frequent first."""
    counted: Counter[int] = Counter()
    for line in lines:
        if line.table is not None:
            for edge in (line.box.left - narrowest / 2, line.box.right + narrowest / 2):
                counted[round(edge / 2)] += FEWEST_LINES
        for before, after in pairwise(line.words):
            if after.box.left - before.box.right >= narrowest:
                counted[round((before.box.right + after.box.left) / 4)] += 1
    return [2.0 * place for place, _ in counted.most_common(TRIED)]


def _runs(lines: Sequence[Line], x: float, margin: float) -> list[range]:
    """The longest stretches of lines that no word crosses at `x`."""
    runs, first = [], 0
    for place, line in enumerate(lines):
        if any(word.box.left < x + margin and word.box.right > x - margin for word in line.words):
            runs.append(range(first, place))
            first = place + 1
    runs.append(range(first, len(lines)))
    return [run for run in runs if len(run) >= FEWEST_LINES]


def _band(lines: Sequence[Line], run: range, x: float, size: float) -> Band | None:
    words = [word for place in run for word in lines[place].words]
    left = lines_of(word for word in words if word.box.center < x)
    right = lines_of(word for word in words if word.box.center >= x)
    if not left or not right:
        return None
    gutter = min(line.box.left for line in right) - max(line.box.right for line in left)
    top, bottom = max(left[0].box.top, right[0].box.top), min(left[-1].box.bottom, right[-1].box.bottom)
    sides = [[line for line in side if line.box.middle > top and line.box.middle < bottom] for side in (left, right)]
    if gutter < NARROWEST * size or not all(_running(side) for side in sides):
        return None
    first, last = _extended(lines, run, top, bottom)
    return Band(first, last, x, sum(len(side) for side in sides) + gutter / size / 100)


def _running(side: Sequence[Line]) -> bool:
    """Whether lines look like a column of running text rather than one of a table."""
    texts = [line for line in side if line.table is None]
    if len(side) < FEWEST_LINES:
        return len(texts) < len(side) and len(side) > 0
    width = max(line.box.right for line in side) - min(line.box.left for line in side)
    filled = median(line.box.width for line in side) >= FILL * width
    return filled and (not texts or median(len(line.words) for line in texts) >= FEWEST_WORDS)


def _extended(lines: Sequence[Line], run: range, top: float, bottom: float) -> tuple[int, int]:
    """The lines of a run between `top` and `bottom`, and those of one side alone that follow without a wide gap."""
    step = 2.0 * pitch(lines)
    inside = [place for place in run if lines[place].box.bottom > top and lines[place].box.top < bottom]
    first, last = inside[0], inside[-1]
    while first - 1 in run and lines[first].box.middle - lines[first - 1].box.middle < step:
        first -= 1
    while last + 1 in run and lines[last + 1].box.middle - lines[last].box.middle < step:
        last += 1
    return first, last + 1
