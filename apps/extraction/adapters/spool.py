"""Blocks of a large document on disk, page by page, so that one page at a time is in memory."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import IO, Any

import msgspec

from apps.extraction.blocks.shapes import Block, BlockPage, blocks_of

ENCODE = msgspec.msgpack.Encoder().encode
DECODE = msgspec.msgpack.Decoder(list[Block]).decode


class Spool:
    """Blocks as they come, in a file that is open for reading and writing. The blocks of a page may come in any answer."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.places: dict[int, list[tuple[int, int]]] = {}

    def add(self, answer: Sequence[Any]) -> None:
        """Keep the blocks of one answer, which is decoded JSON."""
        for number, blocks in groupby(blocks_of(answer), key=lambda block: block.page):
            packed = ENCODE(list(blocks))
            self.places.setdefault(number, []).append((self.file.tell(), len(packed)))
            self.file.write(packed)

    def pages(self, count: int) -> Iterator[BlockPage]:
        """Every page from 1 to `count`, and more where blocks say so; after all answers, once."""
        for number in range(1, max([count, *self.places]) + 1):
            yield BlockPage(number, tuple(self._blocks(number)))

    def _blocks(self, number: int) -> Iterator[Block]:
        for place, size in self.places.get(number, ()):
            self.file.seek(place)
            yield from DECODE(self.file.read(size))
