"""Tables that are drawn with rules: the grid that the rules make, merged cells, and the words in each cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from apps.extraction.layout.geometry import Box, Rule, Table, Word
from apps.extraction.layout.lines import joined, lines_of

NEAR: Final = 3.0  # points within which two rules meet or are the same
MOST_RULES: Final = 2000  # more are a drawing
MOST_CELLS: Final = 5000


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the rules of one table stand: its edges from left to right and from top to bottom, and the rules themselves."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    rules: tuple[Rule, ...]

    @property
    def box(self) -> Box:
        return Box(self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])


def merged(rules: Iterable[Rule]) -> list[Rule]:
    """Rules with those that continue or repeat each other made one."""
    done: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (rule.across, round(rule.at / NEAR), rule.start)):
        last = done[-1] if done else None
        if last is not None and last.across == rule.across and abs(last.at - rule.at) <= NEAR and rule.start <= last.end + NEAR:
            done[-1] = Rule(last.across, last.at, last.start, max(last.end, rule.end))
        else:
            done.append(rule)
    return done


def clusters(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules that touch each other, directly or through others."""
    parent = list(range(len(rules)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    across = [place for place, rule in enumerate(rules) if rule.across]
    down = [place for place, rule in enumerate(rules) if not rule.across]
    for one in across:
        for other in down:
            if _meet(rules[one], rules[other]):
                parent[root(one)] = root(other)
    grouped: dict[int, list[Rule]] = {}
    for place, rule in enumerate(rules):
        grouped.setdefault(root(place), []).append(rule)
    return list(grouped.values())


def _meet(across: Rule, down: Rule) -> bool:
    return across.start - NEAR <= down.at <= across.end + NEAR and down.start - NEAR <= across.at <= down.end + NEAR


def _edges(places: Iterable[float]) -> tuple[float, ...]:
    edges: list[float] = []
    for place in sorted(places):
        if not edges or place - edges[-1] > NEAR:
            edges.append(place)
    return tuple(edges)


def grid_of(cluster: Sequence[Rule]) -> Grid | None:
    """The grid of rules that touch each other; sides that are left open are closed. None for less than two by two cells."""
    across, down = [rule for rule in cluster if rule.across], [rule for rule in cluster if not rule.across]
    if not across or not down:
        return None
    xs = _edges([rule.at for rule in down] + [min(r.start for r in across), max(r.end for r in across)])
    ys = _edges([rule.at for rule in across] + [min(r.start for r in down), max(r.end for r in down)])
    if len(xs) < 3 or len(ys) < 3 or (len(xs) - 1) * (len(ys) - 1) > MOST_CELLS:
        return None
    return Grid(xs, ys, tuple(cluster))


def grids(rules: Sequence[Rule]) -> list[Grid]:
    """Every grid that the merged rules of a page make."""
    return [grid for cluster in clusters(rules) if (grid := grid_of(cluster)) is not None]


def table_of(grid: Grid, words: Sequence[Word]) -> Table | None:
    """The table with these words in it, or None when it holds text in less than two rows and two columns."""
    cells = _cells(grid)
    held: dict[tuple[int, int], list[Word]] = {}
    for word in words:
        place = _place(grid, word)
        held.setdefault(cells[place], []).append(word)
    if len({row for row, _ in held}) < 2 or len({column for _, column in held}) < 2:
        return None
    rows = tuple(
        tuple(joined(lines_of(held.get((row, column), ()))) for column in range(len(grid.xs) - 1))
        for row in range(len(grid.ys) - 1)
    )
    return Table(grid.box, tuple(row for row in rows if any(row)))


def _place(grid: Grid, word: Word) -> tuple[int, int]:
    row = max(0, sum(edge < word.box.middle for edge in grid.ys) - 1)
    column = max(0, sum(edge < word.box.center for edge in grid.xs) - 1)
    return min(row, len(grid.ys) - 2), min(column, len(grid.xs) - 2)


def _cells(grid: Grid) -> dict[tuple[int, int], tuple[int, int]]:
    """For each place of the grid the first place of the cell that it belongs to: places without a rule between are one."""
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for row in range(len(grid.ys) - 1):
        for column in range(len(grid.xs) - 1):
            own = (row, column)
            y, x = (grid.ys[row] + grid.ys[row + 1]) / 2, (grid.xs[column] + grid.xs[column + 1]) / 2
            if column and not _ruled(grid, False, grid.xs[column], y):
                own = first[row, column - 1]
            elif row and not _ruled(grid, True, grid.ys[row], x):
                own = first[row - 1, column]
            first[row, column] = own
    return first


def _ruled(grid: Grid, across: bool, at: float, through: float) -> bool:
    return any(rule.across == across and abs(rule.at - at) <= NEAR and rule.start <= through <= rule.end for rule in grid.rules)
