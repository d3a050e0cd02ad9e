"""Blocks of a large document on disk, page by page, so that one page at a time is in memory."""

import struct
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import IO, Any, Final

import msgspec

from apps.extraction.blocks.shapes import Block, BlockPage, blocks_of

ENCODE = msgspec.msgpack.Encoder().encode
DECODE = msgspec.msgpack.Decoder(list[Block]).decode
HEAD: Final = struct.Struct(">II")  # before each frame: its page, and how many bytes it has
WARNINGS: Final = 0  # in place of a page: what Textract says that it could not read
AT_ONCE: Final = 2**20


class Spool:
    """Answers as they come, in frames, in a file that is open for reading and writing. The blocks of a page may come in any
    answer."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.places: dict[int, list[tuple[int, int]]] = {}

    def add(self, answer: Mapping[str, Any]) -> None:
        """Keep what one answer says."""
        for number, blocks in groupby(blocks_of(answer.get("Blocks") or ()), key=lambda block: block.page):
            self._keep(number, ENCODE(list(blocks)))
        if answer.get("Warnings"):
            self._keep(WARNINGS, ENCODE(answer["Warnings"]))

    def load(self, kept: IO[bytes]) -> None:
        """Keep what another spool wrote, from its beginning to its end."""
        while head := kept.read(HEAD.size):
            number, size = HEAD.unpack(head)
            self._keep(number, kept.read(size))

    def content(self) -> Iterator[bytes]:
        """All that is kept, for `load`."""
        self.file.seek(0)
        while some := self.file.read(AT_ONCE):
            yield some

    def warnings(self) -> list[Mapping[str, Any]]:
        """All warnings; after all answers."""
        return [each for packed in self._frames(WARNINGS) for each in msgspec.msgpack.decode(packed)]

    def pages(self, count: int) -> Iterator[BlockPage]:
        """Every page from 1 to `count`, and more where blocks say so; after all answers, once."""
        for number in range(1, max([count, *self.places]) + 1):
            yield BlockPage(number, tuple(block for packed in self._frames(number) for block in DECODE(packed)))

    def _keep(self, number: int, packed: bytes) -> None:
        self.file.write(HEAD.pack(number, len(packed)))
        self.places.setdefault(number, []).append((self.file.tell(), len(packed)))
        self.file.write(packed)

    def _frames(self, number: int) -> Iterator[bytes]:
        for place, size in self.places.get(number, ()):
            self.file.seek(place)
            yield self.file.read(size)
