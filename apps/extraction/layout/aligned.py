"""Tables that are made by white space: lines whose parts stand under each other, with or without rules above and below."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from apps.extraction.layout.columns import widest_band
from apps.extraction.layout.geometry import Rule, Table, Word, around
from apps.extraction.layout.lines import Line, dominant, lines_of, pitch, segments
from apps.extraction.layout.markers import is_marker

APART: Final = 1.0  # of the font size: a gap between two cells
LOOSE: Final = 0.6  # the same, between the rules of a table
FEWEST_ROWS: Final = 3
LONGEST_CELL: Final = 7  # words in the median cell; more is running text
STRAY: Final = 0.15  # of the lines may cross a gutter
NARROWEST_TABLE: Final = 90.0


def gutters(lines: Sequence[Line], narrowest: float) -> list[float]:
    """Where white space runs down through nearly all the lines: the middles of the gaps, from left to right."""
    changes: Counter[float] = Counter()  # how many more lines cover what is right of a place than what is left of it
    for line in lines:
        end = float("-inf")
        for word in line.words:
            start = max(word.box.left, end)
            if word.box.right > start:
                changes[start] += 1
                changes[word.box.right] -= 1
                end = word.box.right
    allowed, covered = int(STRAY * len(lines)), 0
    free: list[tuple[float, float]] = []
    for left, right in pairwise(sorted(changes)):
        covered += changes[left]
        if covered <= allowed:
            if free and free[-1][1] == left:
                free[-1] = (free[-1][0], right)
            else:
                free.append((left, right))
    return [(left + right) / 2 for left, right in free if right - left >= narrowest]


def cells_of(lines: Sequence[Line], cuts: Sequence[float]) -> tuple[tuple[str, ...], ...]:
    """The lines cut into cells."""
    rows = []
    for line in lines:
        cells: list[list[Word]] = [[] for _ in range(len(cuts) + 1)]
        for word in line.words:
            cells[sum(cut < word.box.center for cut in cuts)].append(word)
        rows.append(tuple(Line(tuple(cell)).text if cell else "" for cell in cells))
    return tuple(rows)


def aligned(flow: Sequence[Line]) -> list[Line]:
    """The lines of a column, those that make a table replaced by one line that stands for it."""
    size = dominant(word for line in flow for word in line.words)
    parts = [[] if line.table else segments(line, APART * size) for line in flow]
    step, done, place = 2.5 * pitch(flow), list[Line](), 0
    while place < len(flow):
        end = _run(flow, parts, place, step)
        table = tabulated(flow[place:end], APART * size, FEWEST_ROWS) if end - place >= 2 else None
        if table is None:
            done.append(flow[place])
            place += 1
        else:
            done.append(standing(table, size))
            place = end
    return done


def _run(flow: Sequence[Line], parts: Sequence[Sequence[Line]], first: int, step: float) -> int:
    """The end of the run of lines with several parts each that begins at `first`; one plain line may stand between."""
    if len(parts[first]) < 2:
        return first
    end = first + 1
    for place in range(first + 1, len(flow)):
        if not parts[place] or flow[place].box.middle - flow[place - 1].box.middle > step:
            break
        if len(parts[place]) >= 2:
            end = place + 1
        elif place > end:
            break
    return end


def tabulated(lines: Sequence[Line], narrowest: float, fewest: int) -> Table | None:
    """The lines as a table, or None when they are something else: running text, a list, a few words far apart."""
    several = [line for line in lines if len(segments(line, narrowest)) >= 2]
    cuts = gutters(several, 0.8 * narrowest) if several else []
    if not cuts or len(several) < max(2, fewest - (len(cuts) > 1)):
        return None
    rows = cells_of(lines, cuts)
    cuts = [cut for place, cut in enumerate(cuts) if sum(bool(row[place + 1]) for row in rows) * 3 >= len(rows)]
    rows = cells_of(lines, cuts)
    filled = [len(cell.split()) for row in rows for cell in row if cell]
    if not cuts or median(filled) > LONGEST_CELL or all(is_marker(row[0]) for row in rows if row[0]):
        return None
    return Table(around(line.box for line in lines), rows)


def standing(table: Table, size: float) -> Line:
    """A line that stands for a table in the reading order."""
    return Line((Word("", table.box, size, table=table),))


def between_rules(rules: Iterable[Rule], words: Sequence[Word], height: float) -> list[Table]:
    """Tables that have rules above and below but none between their columns."""
    across = sorted((rule for rule in rules if rule.across and rule.end - rule.start >= NARROWEST_TABLE), key=lambda r: r.at)
    found: list[Table] = []
    while across:
        first = across[0]
        alike = [rule for rule in across if abs(rule.start - first.start) <= 5 and abs(rule.end - first.end) <= 5]
        across = [rule for rule in across if rule not in alike]
        if len(alike) < 2 or alike[-1].at - first.at > 0.7 * height:
            continue
        inside = [
            word
            for word in words
            if first.start - 5 <= word.box.center <= first.end + 5 and first.at - 2 <= word.box.middle <= alike[-1].at + 2
        ]
        lines = lines_of(inside)
        if len(lines) < 2 or widest_band(lines) is not None:
            continue
        table = tabulated(lines, LOOSE * dominant(inside), 2)
        if table is not None:
            found.append(table)
    return found
