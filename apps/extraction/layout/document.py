"""A whole document: sheets in, pages of text with layout tags and tables out.

The tags are those of the wire contract: <title>, <header>, <key_value>, <list_element> without an end, <table> with tabs and
newlines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from apps.extraction.layout.aligned import aligned, between_rules
from apps.extraction.layout.columns import flows
from apps.extraction.layout.elements import Block, Element, Manner, Role, blocks, elements
from apps.extraction.layout.furniture import Furnished, furnished
from apps.extraction.layout.geometry import Sheet, Table, Word
from apps.extraction.layout.grids import MOST_RULES, grids, merged, table_of
from apps.extraction.layout.lines import dominant, spoken
from apps.extraction.results import Page

BLANK: Final = "\n\n"
TAGGED: Final = frozenset({Role.TITLE, Role.HEADER, Role.KEY_VALUE})


@dataclass(frozen=True, slots=True)
class _Read:
    """A page whose blocks are known, column by column in reading order."""

    page: Furnished
    columns: tuple[tuple[Block, ...], ...]


def pages_of(sheets: Sequence[Sheet]) -> tuple[Page, ...]:
    """The pages of a document in reading order. Pure: the same sheets give the same pages."""
    read = [_read(page) for page in furnished(sheets)]
    manners = {recognized: _manner(sheets, recognized) for recognized in (False, True)}
    told = [_elements(each, manners[each.page.sheet.recognized]) for each in read]
    if told:
        told[0] = _titled(told[0], manners[sheets[0].recognized])
    return tuple(_page(each.page, found) for each, found in zip(read, told, strict=True))


def _page(page: Furnished, told: Sequence[Element]) -> Page:
    header = [spoken(line.words) for line in page.header]
    return page_of(page.sheet.number, told, header=header, asides=page.sheet.asides)


def _manner(sheets: Sequence[Sheet], recognized: bool) -> Manner:
    words = [word for sheet in sheets if sheet.recognized == recognized for word in sheet.words]
    letters = sum(len(word.text) for word in words)
    return Manner(dominant(words), 2 * sum(len(word.text) for word in words if word.bold) > letters, recognized)


def _read(page: Furnished) -> _Read:
    words = list(page.body)
    for table in _ruled(page.sheet, words):
        words = [word for word in words if not table.box.holds(word.box.center, word.box.middle)]
        words.append(Word("", table.box, dominant(page.body), table=table))
    return _Read(page, tuple(tuple(blocks(aligned(flow))) for flow in flows(words)))


def _ruled(sheet: Sheet, words: Sequence[Word]) -> list[Table]:
    """The tables of a page that rules show: full grids first, then those with rules above and below only."""
    found: list[Table] = []
    rules = merged(sheet.rules)
    if len(rules) > MOST_RULES:
        return []
    drawn = grids(rules)
    for grid in sorted(drawn, key=lambda grid: grid.box.width * grid.box.height):
        inside = [word for word in words if grid.box.holds(word.box.center, word.box.middle)]
        table = table_of(grid, inside) if inside else None
        if table is not None and not any(table.box.holds(other.box.center, other.box.middle) for other in found):
            found.append(table)
    taken = {id(word) for word in words for table in found if table.box.holds(word.box.center, word.box.middle)}
    rest = [word for word in words if id(word) not in taken]
    gridded = {rule for grid in drawn for rule in grid.rules}
    return found + between_rules([rule for rule in rules if rule not in gridded], rest, sheet.height)


def _elements(read: _Read, manner: Manner) -> list[Element]:
    return [element for column in read.columns for element in elements(column, manner)]


def _titled(told: Sequence[Element], manner: Manner) -> list[Element]:
    """The first page's elements, the first of its largest headings made the title when it is large enough."""
    headings = [element for element in told if element.role is Role.HEADER and element.size >= manner.title_size]
    title = max(headings, key=lambda element: element.size, default=None)
    return [replace(element, role=Role.TITLE) if element is title else element for element in told]


def written(table: Table) -> str:
    """A table as text: cells between tabs, rows between newlines."""
    rows = ("\t".join(" ".join(cell.split()) for cell in row) for row in table.rows)
    return "<table>" + "\n".join(rows) + "</table>"


def page_of(number: int, told: Sequence[Element], *, header: Sequence[str] = (), asides: Sequence[str] = ()) -> Page:
    """A page of its elements: its header comes first, what runs in another direction last."""
    parts = list(header)
    for place, element in enumerate(told):
        if element.role is Role.TABLE and element.table is not None:
            parts.append(written(element.table))
        elif element.role is Role.LIST_ITEM:
            item = f"<list_element>{element.text}\n"
            if place and told[place - 1].role is Role.LIST_ITEM:
                parts[-1] += item
            else:
                parts.append(item)
        elif element.role in TAGGED:
            parts.append(f"<{element.role.value}>{element.text}</{element.role.value}>")
        else:
            parts.append(element.text)
    tables = tuple(written(element.table) for element in told if element.table is not None)
    return Page(number, BLANK.join([*parts, *asides]), tables)
