"""Words to lines, and lines to running text."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Final

from apps.extraction.layout.geometry import Box, Table, Word, around
from apps.extraction.layout.glyphs import SOFT_HYPHEN

CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")

BROKEN: Final = re.compile(r"\w\w-$")


@dataclass(frozen=True)
class Line:
    """Words side by side, from left to right."""

    words: tuple[Word, ...]

    @cached_property
    def box(self) -> Box:
        return around(word.box for word in self.words)

    @cached_property
    def size(self) -> float:
        """The size of most of its letters."""
        return dominant(self.words)

    @cached_property
    def bold(self) -> bool:
        """Whether every word that holds a letter or digit is bold."""
        telling = [word.bold for word in self.words if any(character.isalnum() for character in word.text)]
        return bool(telling) and all(telling)

    @cached_property
    def text(self) -> str:
        return spoken(self.words)

    @property
    def table(self) -> Table | None:
        """The table that the line stands for, if it does."""
        return self.words[0].table if len(self.words) == 1 else None


def dominant(words: Iterable[Word]) -> float:
    """The font size of most letters, to a tenth of a point; 10 where there are none."""
    letters: dict[float, int] = {}
    for word in words:
        if word.table is None:
            size = round(word.size, 1)
            letters[size] = letters.get(size, 0) + len(word.text)
    return max(letters, key=lambda size: (letters[size], -size)) if letters else 10.0


def lines_of(words: Iterable[Word]) -> list[Line]:
    """The lines that the words stand in, from top to bottom: words share a line when half of the lower one's height does.

    A table is a line of its own: after what stands on its left, before what stands on its right.
    """
    every = tuple(words)
    texts = [word for word in every if word.table is None]
    tables = [(_turn_of(word.box, texts), Line((word,))) for word in every if word.table is not None]
    lines = [(line.box.middle, line) for line in _text_lines(texts)]
    return [line for _, line in sorted([*lines, *tables], key=lambda pair: pair[0])]


def _turn_of(box: Box, texts: Sequence[Word]) -> float:
    """The height at which a table is read among the words around it."""
    beside = [word.box for word in texts if box.top < word.box.middle < box.bottom]
    before = [other for other in beside if other.center < box.left]
    return max(other.bottom for other in before) if 2 * len(before) > len(beside) else box.top


def _text_lines(words: Sequence[Word]) -> list[Line]:
    rows: list[tuple[list[Word], float, float]] = []
    for word in sorted(words, key=lambda word: word.box.middle):
        top, bottom = word.box.top, word.box.bottom
        for place in range(len(rows) - 1, max(-1, len(rows) - 4), -1):
            row, above, below = rows[place]
            shared = min(bottom, below) - max(top, above)
            if shared > 0.5 * min(bottom - top, below - above):
                row.append(word)
                if bottom - top > below - above:
                    rows[place] = (row, top, bottom)
                break
        else:
            rows.append(([word], top, bottom))
    return [Line(tuple(sorted(row, key=lambda word: word.box.left))) for row, _, _ in rows]


def segments(line: Line, gap: float) -> list[Line]:
    """The parts of a line between gaps wider than `gap`."""
    parts: list[list[Word]] = [[line.words[0]]]
    for before, word in pairwise(line.words):
        if word.box.left - before.box.right > gap:
            parts.append([])
        parts[-1].append(word)
    return [Line(tuple(part)) for part in parts]


def pitch(lines: Sequence[Line]) -> float:
    """How far apart lines of running text are: the median step between neighbours, by their middles."""
    steps = [
        step
        for before, after in pairwise(lines)
        if abs(after.size - before.size) < 0.1 * before.size
        and 0 < (step := after.box.middle - before.box.middle) < 3 * before.size
    ]
    return median(steps) if steps else 1.2 * dominant(word for line in lines for word in line.words)


def spoken(words: Sequence[Word]) -> str:
    """The words of one line as text; from right to left where most of its letters run so."""
    ordered = words[::-1] if _leftward(words) else words
    return CONTROLS.sub("", " ".join(word.text for word in ordered))


def _leftward(words: Sequence[Word]) -> bool:
    kinds = [unicodedata.bidirectional(character) for word in words for character in word.text if character > "\u0590"]
    return sum(kind in ("R", "AL") for kind in kinds) * 2 > sum(len(word.text) for word in words)


def joined(lines: Sequence[Line], *, recognized: bool = False) -> str:
    """Lines as running text: by spaces, and without one where a hyphen only broke a word.

    OCR cannot tell such a hyphen; there it is taken for one between a letter and a small letter.
    """
    text = ""
    for line in lines:
        spelled = line.text
        broken = recognized and BROKEN.search(text) is not None and spelled[:1].islower()
        whole = text[:-1] if text.endswith(SOFT_HYPHEN) or broken else f"{text} " if text else ""
        text = whole + spelled
    return text.replace(SOFT_HYPHEN, "-") if text.endswith(SOFT_HYPHEN) else text.replace(SOFT_HYPHEN, "")
