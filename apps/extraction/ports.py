"""What extraction needs from a vendor: an engine that reads documents."""

from typing import BinaryIO, Protocol

from apps.extraction.names import Kind
from apps.extraction.results import Page


class Engine(Protocol):
    """Reads documents that are not text already."""

    def extract(self, document: BinaryIO, kind: Kind) -> tuple[Page, ...]:
        """The pages of one document, numbered from 1 without a gap; the same document gives the same pages.

        Raises results.Unreadable when it is the document's fault, with a reason for its owner: not of its kind, damaged,
        encrypted, empty, or too large to be read; errors.Unavailable when it is not, and a repeat may work. Whatever the
        document does, the calling process lives on with bounded memory, and an answer comes in less than 15 minutes.
        """
