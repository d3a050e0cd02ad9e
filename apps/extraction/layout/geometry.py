"""What a page is made of before it is understood: boxes, words and rules. Points, from the top left corner."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `top` is above `bottom` and smaller."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.top + self.bottom) / 2

    @property
    def center(self) -> float:
        """Half way across."""
        return (self.left + self.right) / 2

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them; there must be one."""
    every = tuple(boxes)
    return Box(
        min(box.left for box in every),
        min(box.top for box in every),
        max(box.right for box in every),
        max(box.bottom for box in every),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table: where it is, and its rows of cells."""

    box: Box
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is printed. `size` is that of its font. One with a `table` stands for that table in the reading order."""

    text: str
    box: Box
    size: float
    bold: bool = False
    table: Table | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight printed line, across or down: from `start` to `end`, at `at` in the other direction."""

    across: bool
    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as its engine saw it. `asides` is text that runs in another direction; `recognized`: the words come from OCR."""

    number: int
    width: float
    height: float
    words: tuple[Word, ...]
    rules: tuple[Rule, ...] = ()
    asides: tuple[str, ...] = ()
    recognized: bool = False
