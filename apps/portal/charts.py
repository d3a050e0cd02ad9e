"""The geometry of the portal's charts. Pure: numbers in, rectangles and labels out; templates draw them as SVG.

Drawn here and not by a library: pygal, the one without JavaScript, puts inline styles and scripts into its SVG, which the
portal's Content-Security-Policy forbids.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 520
HEIGHT: Final = 200
LEFT: Final = 44
RIGHT: Final = 16
BOTTOM: Final = 28
TOP: Final = 12
STEPS: Final = (1, 2, 2.5, 5, 10)
LABELS: Final = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that is shown, and how much of it there is."""

    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A column: its place in the drawing, its amount in words, its label under it where there is room for one."""

    label: str
    value: int
    said: str
    x: float
    y: float
    width: float
    height: float
    centre: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the drawing, and the amount that it stands for."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns over a common scale."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    total: int
    said: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    baseline: int = HEIGHT - BOTTOM


def columns(
    title: str, unit: str, points: Sequence[Point], say: Callable[[int], str] = "{:,}".format, scaled: float = 1
) -> Chart:
    """A column for each point, from 0 up to a round number over the largest.

    say: an amount in words. scaled: how many of them are one of the axis.
    """
    baseline, room = HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT
    top = scale(max((point.value for point in points), default=0))
    pitch = room / max(len(points), 1)
    width = min(pitch * 0.7, 48)
    every = -(-len(points) // LABELS)
    bars = []
    for place, point in enumerate(points):
        height = (baseline - TOP) * point.value / top
        centre = LEFT + pitch * (place + 0.5)
        labelled = (len(points) - 1 - place) % every == 0
        said = say(point.value)
        bars.append(Bar(point.label, point.value, said, centre - width / 2, baseline - height, width, height, centre, labelled))
    ticks = tuple(Tick(baseline - (baseline - TOP) * part / 4, short(top * part / 4 / scaled)) for part in range(5))
    total = sum(point.value for point in points)
    return Chart(title, unit, tuple(bars), ticks, total, say(total))


def scale(largest: int) -> float:
    """The smallest of 4, 8, 10, 20, 40, 80, 100 and so on that is not less than `largest`: a quarter of it is round too."""
    power = 1.0
    while True:
        for step in STEPS:
            if largest <= 4 * step * power and (4 * step * power) % 4 == 0:
                return 4 * step * power
        power *= 10


def short(amount: float) -> str:
    """A number in at most five characters: 950, 1.2k, 35k, 4M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            scaled = amount / size
            return f"{scaled:.1f}".removesuffix(".0") + letter if scaled < 100 else f"{scaled:.0f}{letter}"
    return f"{amount:.0f}" if amount == int(amount) else f"{amount:.2g}"
