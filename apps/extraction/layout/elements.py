"""Lines of a column to the elements of a page: titles, headings, paragraphs, list items, tables."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from apps.extraction.layout.geometry import Table
from apps.extraction.layout.lines import Line, dominant, joined, pitch
from apps.extraction.layout.markers import is_bulleted, is_numbered, is_section

LONGEST_HEADING: Final = 200
MOST_HEADING_LINES: Final = 4


class Role(enum.Enum):
    """What an element is on its page."""

    TITLE = "title"
    HEADER = "header"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_element"
    TABLE = "table"
    KEY_VALUE = "key_value"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of one column that belong together, and whether more space than usual is above them."""

    lines: tuple[Line, ...]
    apart: bool

    @property
    def size(self) -> float:
        return dominant(word for line in self.lines for word in line.words)

    @property
    def bold(self) -> bool:
        return all(line.bold for line in self.lines)

    @property
    def table(self) -> Table | None:
        return self.lines[0].table


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a page, ready to be written; `size` is that of its letters."""

    role: Role
    text: str
    size: float
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the document's running text is set, which is what headings differ from."""

    size: float
    bold: bool
    recognized: bool

    @property
    def heading_size(self) -> float:
        """From which size on text is a heading; heights measured by OCR vary more."""
        return self.size * (1.45 if self.recognized else 1.12)

    @property
    def title_size(self) -> float:
        """From which size on text may be the title."""
        return self.size * (1.7 if self.recognized else 1.25)


def blocks(flow: Sequence[Line]) -> list[Block]:
    """The lines of a column, cut where a paragraph, heading or list item begins."""
    if not flow:
        return []
    step = pitch(flow)
    left, right = min(line.box.left for line in flow), max(line.box.right for line in flow)
    made, held, apart = list[Block](), [flow[0]], True
    for before, line in pairwise(flow):
        wide = _wide(before, line, step)
        if wide or _begins(before, line, held, left, right):
            made.append(Block(tuple(held), apart))
            held, apart = [], wide
        held.append(line)
    return [*made, Block(tuple(held), apart)]


def _wide(before: Line, line: Line, step: float) -> bool:
    usual = max(step, 1.05 * max(before.size, line.size))
    return line.box.middle - before.box.middle > 1.35 * usual


def _begins(before: Line, line: Line, held: Sequence[Line], left: float, right: float) -> bool:
    """Whether `line`, which follows without a wide gap, begins a block of its own."""
    if before.table or line.table:
        return True
    larger = max(before.size, line.size)
    if abs(before.size - line.size) > 0.1 * larger or before.bold != line.bold:
        return True
    if is_bulleted(line.text) or (is_numbered(line.text) and line.box.left - left < 6 * larger):
        return True
    if is_bulleted(held[0].text) or is_numbered(held[0].text):
        return _leaves(held, line, right)
    if abs(line.box.center - before.box.center) < 0.5 * larger and before.box.left - left > 0.2 * larger < line.box.left - left:
        return False
    if line.box.left - before.box.left > 0.8 * larger and line.box.left - left < 6 * larger:
        return True
    short = before.box.right < right - 0.15 * (right - left)
    return short and before.text[-1:] in ".!?:;" and not line.text[:1].islower()


def _leaves(item: Sequence[Line], line: Line, right: float) -> bool:
    """Whether `line` is no more of a list item: it begins left of the item's text, and the item's last line had room."""
    first, size = item[0], item[0].size
    if line.box.left < first.box.left - 0.3 * size:
        return True
    if len(first.words) < 2 or line.box.left > first.words[1].box.left - 0.4 * size:
        return False
    hanging = len(item) > 1 and item[-1].box.left > first.words[1].box.left - 0.4 * size
    return hanging or item[-1].box.right < right - 0.1 * (right - first.box.left)


def elements(column: Sequence[Block], manner: Manner) -> list[Element]:
    """The elements of a column's blocks, in order."""
    made = []
    for place, block in enumerate(column):
        if block.table is not None:
            made.append(Element(Role.TABLE, "", block.size, block.table))
            continue
        text = joined(block.lines, recognized=manner.recognized)
        if text.strip():
            made.append(Element(_role(column, place, text, manner), text, block.size))
    return made


def _role(column: Sequence[Block], place: int, text: str, manner: Manner) -> Role:
    block = column[place]
    if is_bulleted(text):
        return Role.LIST_ITEM
    if _is_heading(block, text, manner):
        return Role.HEADER
    if is_numbered(text) and _in_sequence(column, place):
        return Role.LIST_ITEM
    return Role.PARAGRAPH


def _in_sequence(column: Sequence[Block], place: int) -> bool:
    """Whether a neighbour of a numbered block is numbered too."""
    around = [column[other] for other in (place - 1, place + 1) if 0 <= other < len(column)]
    return any(is_numbered(other.lines[0].text) for other in around if other.table is None)


def _is_heading(block: Block, text: str, manner: Manner) -> bool:
    letters = sum(character.isalpha() for character in text)
    if not letters or len(text) > LONGEST_HEADING or len(block.lines) > MOST_HEADING_LINES:
        return False
    if block.size >= manner.heading_size and letters > 1:
        return True
    if text.rstrip()[-1] in ".,;" and not is_section(text):
        return False
    if block.bold and not manner.bold and len(block.lines) <= 2:
        return True
    shouted = text.isupper() and letters >= 4 and len(block.lines) == 1
    return shouted and block.apart and not manner.recognized and block.size >= 0.98 * manner.size
