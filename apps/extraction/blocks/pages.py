"""The blocks of one page to a page of text: in Textract's reading order, and nothing lost but what the contract drops.

Every word is written once. A table takes its words from the running text and stands in the part of the page that had most
of them: Textract does not say which part that is.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from apps.extraction.blocks.shapes import Block, BlockPage, said
from apps.extraction.blocks.tables import FoundTable, Pair, pairs_of, tables_of
from apps.extraction.layout.columns import flows
from apps.extraction.layout.document import page_of
from apps.extraction.layout.elements import Element, Manner, Role, blocks, elements
from apps.extraction.layout.geometry import Word
from apps.extraction.layout.lines import Line, dominant, joined, lines_of
from apps.extraction.layout.markers import is_bulleted, is_numbered
from apps.extraction.results import Page

GLYPH_HEIGHT: Final = 0.8  # of a word's height is its font size
ROLES: Final[Mapping[str, Role]] = {
    "LAYOUT_TITLE": Role.TITLE,
    "LAYOUT_SECTION_HEADER": Role.HEADER,
    "LAYOUT_KEY_VALUE": Role.KEY_VALUE,
    "LAYOUT_LIST": Role.LIST_ITEM,
    "LAYOUT_TABLE": Role.TABLE,
}  # anything else is a paragraph
DROPPED: Final = frozenset({"LAYOUT_FIGURE", "LAYOUT_FOOTER", "LAYOUT_PAGE_NUMBER"})


def page_from(page: BlockPage) -> Page:
    """The page of text. Pure: the same blocks give the same page."""
    return page_of(page.number, _laid_out(page) if page.layouts else _flowing(page))


def _flowing(page: BlockPage) -> list[Element]:
    """A page of which Textract tells no layout: its columns, headings and lists are found as those of a picture are."""
    tables = tables_of(page)
    taken = {name for found in tables for name in found.words}
    told = [word for line in page.of("LINE") for word in page.words(line) or [line]] + page.of("SELECTION_ELEMENT")
    words = [_word(word, word.spoken) for word in told if word.id not in taken]
    manner = Manner(dominant(words), False, True)
    words += [Word("", found.table.box, manner.size, table=found.table) for found in tables]
    return [element for flow in flows(words) for element in elements(blocks(flow), manner)]


def _laid_out(page: BlockPage) -> list[Element]:
    layout = _Layout(page)
    placed = [(part.box.top, list(layout.told(part))) for part in page.layouts]
    for top, element in layout.strays():
        place = next((place for place, (other, _) in enumerate(placed) if other > top), len(placed))
        placed.insert(place, (top, [element]))
    return [element for _, told in placed for element in told]


@dataclass(frozen=True, slots=True)
class _Told:
    """What is left of a line when tables and pairs have taken their words, and the pairs that begin in it."""

    block: Block
    pairs: tuple[Pair, ...]
    rest: str

    @property
    def line(self) -> Line:
        return Line((_word(self.block, self.rest),))

    @property
    def form(self) -> str:
        """The line as one of a form."""
        return " ".join([*(f"<key>{pair.key}</key> <value>{pair.value}</value>" for pair in self.pairs), self.rest]).strip()


class _Layout:
    """A page with Textract's layout: which part has which line, and which table and pair stands in which part."""

    def __init__(self, page: BlockPage) -> None:
        self.page = page
        self.lines = {part.id: page.lines(part) for part in page.layouts}
        owners = {word.id: part for part in page.layouts for line in self.lines[part.id] for word in page.words(line)}
        self.tables: dict[str, list[FoundTable]] = {}
        for table in tables_of(page):
            self.tables.setdefault(_owner(owners, table.words), []).append(table)
        self.taken = {name for some in self.tables.values() for table in some for name in table.words}
        self.pairs: dict[str, Pair] = {}  # by the first word of the key
        for pair in pairs_of(page):
            part = owners.get(pair.key_words[0])
            if part is not None and part.block_type == "LAYOUT_KEY_VALUE" and self.taken.isdisjoint(pair.words):
                self.pairs[pair.key_words[0]] = pair
                self.taken.update(pair.words)
        self.marks = _marks(page, self.taken)

    def told(self, part: Block) -> Iterator[Element]:
        """The elements of one part of the page."""
        waiting = [] if part.block_type in DROPPED else self.lines[part.id]
        for found in sorted(self.tables.get(part.id, ()), key=lambda found: found.table.box.top):
            box = found.table.box
            yield from self._text(part, [line for line in waiting if line.box.middle < box.middle])
            yield Element(Role.TABLE, "", 0.0, found.table)
            waiting = [line for line in waiting if line.box.middle >= box.middle]
        yield from self._text(part, waiting)

    def strays(self) -> Iterator[tuple[float, Element]]:
        """Tables and lines that are in no part of the page, each with how far down it is."""
        for found in self.tables.get("", ()):
            yield found.table.box.top, Element(Role.TABLE, "", 0.0, found.table)
        owned = {line.id for lines in self.lines.values() for line in lines}
        for line in self.page.of("LINE"):
            told = self._told(line)
            if line.id not in owned and told.rest:
                yield line.box.top, Element(Role.PARAGRAPH, told.rest, 0.0)

    def _text(self, part: Block, lines: Sequence[Block]) -> Iterator[Element]:
        """What the lines of a part say, without what tables took."""
        told = [each for each in map(self._told, lines) if each.rest or each.pairs]
        role = ROLES.get(part.block_type, Role.PARAGRAPH)
        if not told:
            return
        if role is Role.KEY_VALUE:
            yield Element(role, "\n".join(each.form for each in told), 0.0)
        elif role is Role.TABLE:
            rows = lines_of(word for each in told for word in each.line.words)
            yield Element(Role.PARAGRAPH, "\n".join(row.text for row in rows), 0.0)
        elif role is Role.LIST_ITEM:
            items = _items(self.page, part)
            for _, some in groupby(told, key=lambda each: items[each.block.id]):
                yield _running(role, some)
        else:
            yield _running(role, told)

    def _told(self, line: Block) -> _Told:
        words = self.page.words(line)
        pairs = tuple(self.pairs[word.id] for word in words if word.id in self.pairs)
        marks = self.marks.get(line.id, [])
        if self.taken.isdisjoint(word.id for word in words) and not marks:
            return _Told(line, pairs, line.text)
        rest = [word for word in words if word.id not in self.taken]
        return _Told(line, pairs, said(sorted([*rest, *marks], key=lambda word: word.box.left) if marks else rest))


def _owner(owners: Mapping[str, Block], words: Iterable[str]) -> str:
    """The id of the part of the page that has most of the words, or nothing."""
    counted = Counter(owners[name].id for name in words if name in owners)
    return counted.most_common(1)[0][0] if counted else ""


def _marks(page: BlockPage, taken: Collection[str]) -> dict[str, list[Block]]:
    """The check boxes that nothing has taken, by the line that each stands nearest to."""
    found: dict[str, list[Block]] = {}
    for mark in page.of("SELECTION_ELEMENT"):
        beside = [line for line in page.of("LINE") if line.box.top <= mark.box.middle <= line.box.bottom]
        if mark.id not in taken and beside:
            nearest = min(beside, key=lambda line: max(line.box.left - mark.box.right, mark.box.left - line.box.right))
            found.setdefault(nearest.id, []).append(mark)
    return found


def _items(page: BlockPage, part: Block) -> dict[str, int]:
    """Which item of a list each of its lines belongs to."""
    found, item = dict[str, int](), 0
    for child in page.children(part):
        is_line = child.block_type == "LINE"
        item += not is_line or is_bulleted(child.text) or is_numbered(child.text)
        found.update((line.id, item) for line in ([child] if is_line else page.lines(child)))
    return found


def _running(role: Role, told: Iterable[_Told]) -> Element:
    return Element(role, joined([each.line for each in told], recognized=True), 0.0)


def _word(block: Block, text: str) -> Word:
    return Word(text, block.box, GLYPH_HEIGHT * block.box.height)
