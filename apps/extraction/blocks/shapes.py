"""Blocks as Amazon Textract answers with them: what is read of each, and what one page of them holds.

https://docs.aws.amazon.com/textract/latest/dg/API_Block.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from apps.extraction.layout.geometry import Box

WIDTH: Final = 612.0  # points; Textract gives shares of a page whose size it does not tell
HEIGHT: Final = 792.0
MARKS: Final = {"SELECTED": "[X]", "NOT_SELECTED": "[ ]"}


class Extent(msgspec.Struct, frozen=True, rename="pascal"):
    """A rectangle in shares of the page."""

    left: float
    top: float
    width: float
    height: float


class Geometry(msgspec.Struct, frozen=True, rename="pascal"):
    """Where a block is."""

    bounding_box: Extent


class Relationship(msgspec.Struct, frozen=True, rename="pascal"):
    """Which other blocks a block has, in which role."""

    type: str
    ids: tuple[str, ...] = ()


class Block(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """One thing that Textract found on a page."""

    id: str
    block_type: str
    geometry: Geometry
    page: int = 1
    text: str = ""
    row_index: int = 0
    column_index: int = 0
    selection_status: str = ""
    entity_types: tuple[str, ...] | None = None
    relationships: tuple[Relationship, ...] | None = None

    @property
    def box(self) -> Box:
        """Where it is, in points."""
        extent = self.geometry.bounding_box
        return Box(
            extent.left * WIDTH,
            extent.top * HEIGHT,
            (extent.left + extent.width) * WIDTH,
            (extent.top + extent.height) * HEIGHT,
        )

    @property
    def spoken(self) -> str:
        """A word as it is read: a check box is [X] or [ ]."""
        return MARKS.get(self.selection_status, self.text)

    def ids(self, role: str = "CHILD") -> tuple[str, ...]:
        """The ids of the blocks that it has in a role, in their order."""
        return tuple(name for related in self.relationships or () if related.type == role for name in related.ids)


def blocks_of(answer: Sequence[Any]) -> list[Block]:
    """The blocks in an answer that is decoded JSON."""
    return msgspec.convert(answer, list[Block])


@dataclass(frozen=True)
class BlockPage:
    """The blocks of one page, in Textract's order."""

    number: int
    blocks: tuple[Block, ...]

    @cached_property
    def by_id(self) -> dict[str, Block]:
        return {block.id: block for block in self.blocks}

    def of(self, *kinds: str) -> list[Block]:
        """The blocks of some kinds, in their order."""
        return [block for block in self.blocks if block.block_type in kinds]

    @cached_property
    def layouts(self) -> list[Block]:
        """The parts of the page in reading order, without those that are inside a list."""
        found = [block for block in self.blocks if block.block_type.startswith("LAYOUT_")]
        inside = {name for block in found for name in block.ids()}
        return [block for block in found if block.id not in inside]

    def children(self, block: Block, role: str = "CHILD") -> list[Block]:
        """The blocks that a block has in a role; an id that is not on the page is left out."""
        return [self.by_id[name] for name in block.ids(role) if name in self.by_id]

    def words(self, block: Block) -> list[Block]:
        """The words and check boxes in a block, in their order."""
        return [child for child in self.children(block) if child.block_type in ("WORD", "SELECTION_ELEMENT")]

    def lines(self, block: Block) -> list[Block]:
        """The lines in a part of the page, also those of the parts inside it."""
        found = []
        for child in self.children(block):
            found += [child] if child.block_type == "LINE" else self.lines(child)
        return found


def said(words: Iterable[Block]) -> str:
    """Words as running text."""
    return " ".join(word.spoken for word in words)
