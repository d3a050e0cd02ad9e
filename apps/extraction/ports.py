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
    has not begun, and nothing is to be remembered."""

    seconds: int
    ticket: str | None


class Engine(Protocol):
    """Reads documents that are not text already."""

    def read(self, document: Document, ticket: str | None = None) -> Extracted | Pending:
        """What is in one document; the same document gives the same pages.

        Without a ticket it begins, with one it goes on where the ticket was given out; a repeat of either begins nothing
        twice. An answer comes in less than 15 minutes; an engine that only waits, for its turn or for another machine,
        answers Pending at once.

        Raises results.Unreadable when it is the document's fault, with a reason for its owner: not of its kind, damaged,
        encrypted, empty, or too large to be read; errors.Unavailable when it is not, and a repeat may work; another Problem
        when only the operator can help. Whatever the document does, the calling process lives on with bounded memory.
        """
