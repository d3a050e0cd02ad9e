"""The files of a journal: frames of bytes with their length and CRC, and beside them how far they have been shipped.

A segment `<number>.log` is room taken from the disk beforehand; zeros follow its last frame. `<number>.blocks` has the ends
of the blocks that were begun to be shipped: all but the last one are in the store. The last one is shipped again after a
restart, under the same name, so that it counts once.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

HEAD: Final = struct.Struct("<II")
PLACE: Final = struct.Struct("<Q")
SEGMENT_BYTES: Final = 4 * 2**20
LARGEST_PAYLOAD: Final = 2**20
BLOCK_BYTES: Final = 2 * 2**20  # more than the largest frame
BLOCK_ROWS: Final = 1000


def framed(payload: bytes) -> bytes:
    """A payload with its length and its CRC before it."""
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def frames(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The payloads at the beginning of some bytes, each with the place of its end, up to one that is torn or not there."""
    place = 0
    while place + HEAD.size <= len(content):
        length, crc = HEAD.unpack_from(content, place)
        end = place + HEAD.size + length
        payload = content[place + HEAD.size : end]
        if not length or end > len(content) or zlib.crc32(payload) != crc:
            return
        yield end, payload
        place = end


def write_whole(file: int, content: bytes, place: int) -> None:
    """Write all of it there and have it on the disk; OSError."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, place)
        rest, place = rest[written:], place + written
    os.fdatasync(file)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@dataclass(frozen=True, slots=True)
class Block:
    """Some payloads that lie next to each other, shipped together. `name` is the same whenever it is shipped."""

    segment: "Segment"
    name: str
    end: int
    payloads: Sequence[bytes]


class Segment:
    """One file of frames, written up to `end`. One thread appends to it, one ships it.

    rows and shipped_rows: how many frames it has, and how many of them are in the store. closed: nothing is added any more.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.log = path, path.with_suffix(".blocks")
        self.end = self.shipped = self.begun = self.log_end = 0
        self.rows = self.shipped_rows = 0
        self.closed = False

    @classmethod
    def left_behind(cls, path: Path) -> "Segment":
        """The segment of a process that is no more, as far as it was written and shipped."""
        left = cls(path)
        left.closed = True
        log = left.log.read_bytes() if left.log.exists() else b""
        marks = list(frames(log))
        places = [0, 0, *(PLACE.unpack(payload)[0] for _, payload in marks)]
        left.shipped, left.begun, left.log_end = places[-2], places[-1], marks[-1][0] if marks else 0
        left.end = left.shipped
        for end, _ in frames(path.read_bytes()[left.shipped :]):
            left.end, left.rows = left.shipped + end, left.rows + 1
        return left

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is needed any more."""
        return self.closed and self.shipped >= self.end

    def next_block(self) -> Block | None:
        """The block that was begun, or else the next one, begun now; None when all is shipped."""
        if self.begun > self.shipped:
            found = list(frames(self._read(self.begun - self.shipped)))
        elif self.end > self.shipped:
            found = self._begin()
        else:
            return None
        name = f"{self.path.parent.name}/{self.path.stem}/{self.shipped}"
        return Block(self, name, self.begun, [payload for _, payload in found])

    def finish(self, block: Block) -> int:
        """The block is in the store; the number of bytes that it had."""
        size, self.shipped = block.end - self.shipped, block.end
        self.shipped_rows += len(block.payloads)
        return size

    def remove(self) -> None:
        """Remove its files; nothing happens when they are gone."""
        self.path.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)

    def _begin(self) -> list[tuple[int, bytes]]:
        found = list(islice(frames(self._read(min(BLOCK_BYTES, self.end - self.shipped))), BLOCK_ROWS))
        if not found:
            raise OSError(f"{self.path} does not read as it was written")
        begun = self.shipped + found[-1][0]
        mark = framed(PLACE.pack(begun))
        file = os.open(self.log, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            write_whole(file, mark, self.log_end)
        finally:
            os.close(file)
        if not self.log_end:
            sync_folder(self.log.parent)
        self.begun, self.log_end = begun, self.log_end + len(mark)
        return found

    def _read(self, size: int) -> bytes:
        file = os.open(self.path, os.O_RDONLY)
        try:
            return os.pread(file, size, self.shipped)
        finally:
            os.close(file)
