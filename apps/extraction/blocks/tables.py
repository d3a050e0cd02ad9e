"""Tables and key-value pairs among Textract's blocks, each with the words that it takes from the running text."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.extraction.blocks.shapes import Block, BlockPage, said
from apps.extraction.layout.geometry import Table


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table, and the ids of its words."""

    table: Table
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value, as text and as the ids of their words."""

    key: str
    value: str
    key_words: tuple[str, ...]
    value_words: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return self.key_words + self.value_words


def tables_of(page: BlockPage) -> list[FoundTable]:
    """The tables of a page that hold any text."""
    return [found for block in page.of("TABLE") if (found := _table(page, block)).words]


def _table(page: BlockPage, block: Block) -> FoundTable:
    cells = {cell.id: cell for cell in page.children(block) if cell.block_type == "CELL"}
    texts = {name: said(page.words(cell)) for name, cell in cells.items()}
    for merged in page.children(block, "MERGED_CELL"):
        parts = [name for name in merged.ids() if name in texts]
        whole = " ".join(texts[name] for name in parts if texts[name])
        texts.update({name: whole if place == 0 else "" for place, name in enumerate(parts)})
    columns = max((cell.column_index for cell in cells.values()), default=0)
    rows = [[""] * columns for _ in range(max((cell.row_index for cell in cells.values()), default=0))]
    for name, cell in cells.items():
        rows[cell.row_index - 1][cell.column_index - 1] = texts[name]
    words = frozenset(word.id for cell in cells.values() for word in page.words(cell))
    return FoundTable(Table(block.box, tuple(tuple(row) for row in rows if any(row))), words)


def pairs_of(page: BlockPage) -> Iterator[Pair]:
    """The key-value pairs of a page, in Textract's order."""
    for key in page.of("KEY_VALUE_SET"):
        names = page.words(key)
        if "KEY" not in (key.entity_types or ()) or not names:
            continue
        values = [word for value in page.children(key, "VALUE") for word in page.words(value)]
        yield Pair(said(names), said(values), tuple(word.id for word in names), tuple(word.id for word in values))
