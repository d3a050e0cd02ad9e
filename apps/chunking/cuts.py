"""The values of chunking: how to cut, how long, and what a cut is."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from foundation.errors import Invalid


class Strategy(StrEnum):
    """How text is cut; splitters.STRATEGIES says what each of them does."""

    FIXED_SIZE = "fixed_size"
    RECURSIVE = "recursive"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long a chunk may be and how much of one may begin the next, in characters. Invalid where that makes no sense."""

    size: int = 1000
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise Invalid(f"chunk_size ({self.size}) must be at least 1")
        if self.overlap < 0:
            raise Invalid(f"chunk_overlap ({self.overlap}) must not be negative")
        if self.overlap >= self.size:
            raise Invalid(f"chunk_overlap ({self.overlap}) must be smaller than chunk_size ({self.size})")


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk of one text, and the place in it, `start` to `end` in characters, that it was made from."""

    text: str
    start: int
    end: int


class Chunk(msgspec.Struct, frozen=True):
    """One item of a chunk file: its text under `chunk`, and the place in its page's text that it was made from."""

    text: str = msgspec.field(name="chunk")
    page_number: int
    start: int
    end: int
