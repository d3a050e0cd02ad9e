"""The text of documents, as far as it can be read here."""

import base64
import binascii
from typing import Final

from apps.invocation.adapters.pdf_texts import text_of_pdf
from apps.invocation.invocations import Document

TEXTS: Final = ("text/", "application/json", "application/xml")
PDF: Final = "application/pdf"


def type_of(document: Document) -> str:
    """Its media type, without parameters."""
    return document.media_type.partition(";")[0].strip().lower()


def is_plain(document: Document) -> bool:
    """Whether it is text as it stands."""
    return type_of(document).startswith(TEXTS)


def text_of(document: Document) -> str | None:
    """The text of a document that is plain text or a PDF; None where it cannot be read. Of a PDF, it blocks for long."""
    try:
        content = base64.b64decode(document.base64)
    except (binascii.Error, ValueError):
        return None
    if is_plain(document):
        return content.decode(errors="replace")
    return text_of_pdf(content) if type_of(document) == PDF else None
