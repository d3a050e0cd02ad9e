"""What extraction needs from a vendor: an engine that reads documents."""

from dataclasses import dataclass
from typing import Final, Protocol

from apps.extraction.names import Kind
from apps.extraction.results import Page

QUEUE: Final = "extraction"  # whose workers ask an engine


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is to be read: its id (32 hex digits), its kind, its path in the file store."""

    id: str
    kind: Kind
    path: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """The pages of a document, numbered from 1 without a gap. `remark` tells its owner what is missing from them, if so."""

    pages: tuple[Page, ...]
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The engine is not done: it is to be asked again in so many seconds (0 to 900), and given this ticket then; None: it
    could not begin, though it has room, and nothing is to be remembered."""

    seconds: int
    ticket: str | None


@dataclass(frozen=True, slots=True)
class Full:
    """The engine has no room to begin the document: it is to be given to it again, with the same ticket, when it admits it."""


class Engine(Protocol):
    """Reads documents that are not text already."""

    def admits(self, document: str) -> bool:
        """Whether there is room to begin the document of this id. If so, it is kept for it for some minutes, in which it is
        read or leaves; a repeat keeps it anew."""

    def leave(self, document: str) -> None:
        """The document is not begun: what was kept for it is free. A repeat changes nothing."""

    def read(self, document: Document, ticket: str | None = None) -> Extracted | Pending | Full:
        """What is in one document; the same document gives the same pages.

        Without a ticket it begins, with one it goes on where the ticket was given out; a repeat of either begins nothing
        twice. An answer comes in less than 15 minutes; an engine that only waits for another machine answers Pending at once,
        and one that has no room Full.

        Raises results.Unreadable when it is the document's fault, with a reason for its owner: not of its kind, damaged,
        encrypted, empty, or too large to be read; errors.Unavailable when it is not, and a repeat may work; another Problem
        when only the operator can help. Whatever the document does, the calling process lives on with bounded memory.
        """
