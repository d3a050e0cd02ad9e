"""Page furniture: headers, footers and page numbers, known by where they stand and that they come again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from apps.extraction.layout.geometry import Sheet, Word
from apps.extraction.layout.lines import Line, lines_of, pitch, segments

ZONE: Final = 0.12  # of the page's height, above and below
NUMBER_ZONE: Final = 0.1
MOST_LINES: Final = 4  # of one header or footer
WIDE_GAP: Final = 1.7  # of the font size, between furniture and text
SAME_HEIGHT: Final = 5.0  # points
OFTEN: Final = 0.3  # of the pages have it
PAGE_NUMBER: Final = re.compile(
    r"^(?:(?:page|seite|pag\.?|p\.)\s*)?[-–—|\[(]?\s*(?:\d{1,5}|[ivxlc]{1,7})\s*[-–—|\])]?(?:\s*(?:of|von|/|de|sur)\s*\d{1,5})?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Furnished:
    """A page with its furniture told apart: the lines of its header, and the words of its body."""

    sheet: Sheet
    header: tuple[Line, ...]
    body: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    page: int
    line: Line
    above: bool

    @property
    def key(self) -> tuple[bool, str]:
        return self.above, re.sub(r"\d+", "#", self.line.text).strip().lower()


def furnished(sheets: Sequence[Sheet]) -> list[Furnished]:
    """The pages of one document without footers and page numbers, their headers apart."""
    candidates = [candidate for sheet in sheets for candidate in _candidates(sheet)]
    pages: dict[tuple[bool, str, int], set[int]] = {}
    for candidate in candidates:
        pages.setdefault((*candidate.key, _step(sheets, candidate)), set()).add(candidate.page)
    furniture: dict[int, list[_Candidate]] = {}
    for candidate in candidates:
        step = _step(sheets, candidate)
        again = set[int]().union(*(pages.get((*candidate.key, near), ()) for near in (step - 1, step, step + 1)))
        if len(again) >= max(2, OFTEN * len(sheets)) or _is_page_number(sheets[candidate.page], candidate):
            furniture.setdefault(candidate.page, []).append(candidate)
    return [_told_apart(sheet, furniture.get(page, [])) for page, sheet in enumerate(sheets)]


def _candidates(sheet: Sheet) -> list[_Candidate]:
    lines = lines_of(sheet.words)
    above = [line for line in _outside(lines) if line.box.bottom < ZONE * sheet.height]
    below = [line for line in _outside(lines[::-1]) if line.box.top > (1 - ZONE) * sheet.height]
    return [
        _Candidate(sheet.number - 1, part, zone is above)
        for zone in (above, below)
        for line in zone
        for part in segments(line, 2 * line.size)
    ]


def _outside(inward: Sequence[Line]) -> list[Line]:
    """The lines at an edge of the page that a wide gap parts from the rest; none where the first gap comes too late."""
    usual = 1.3 * pitch(sorted(inward, key=lambda line: line.box.middle))
    for place, (before, line) in enumerate(pairwise(inward[: MOST_LINES + 1])):
        if abs(line.box.middle - before.box.middle) > max(usual, WIDE_GAP * max(line.size, before.size)):
            return list(inward[: place + 1])
    return []


def _step(sheets: Sequence[Sheet], candidate: _Candidate) -> int:
    """How high it stands: from the top for headers, from the bottom for footers, so that pages of several sizes agree."""
    middle = candidate.line.box.middle
    return round((middle if candidate.above else sheets[candidate.page].height - middle) / SAME_HEIGHT)


def _is_page_number(sheet: Sheet, candidate: _Candidate) -> bool:
    if PAGE_NUMBER.match(candidate.line.text) is None:
        return False
    box = candidate.line.box
    edge = box.bottom if candidate.above else sheet.height - box.top
    beyond = [
        word
        for word in sheet.words
        if (word.box.middle < box.top if candidate.above else word.box.middle > box.bottom) and word not in candidate.line.words
    ]
    beside = [
        word for word in sheet.words if word not in candidate.line.words and abs(word.box.middle - box.middle) < box.height / 2
    ]
    return edge < NUMBER_ZONE * sheet.height and not beyond and not beside


def _told_apart(sheet: Sheet, furniture: Sequence[_Candidate]) -> Furnished:
    gone = {id(word) for candidate in furniture for word in candidate.line.words}
    header = tuple(
        candidate.line for candidate in furniture if candidate.above and PAGE_NUMBER.match(candidate.line.text) is None
    )
    return Furnished(sheet, header, tuple(word for word in sheet.words if id(word) not in gone))
