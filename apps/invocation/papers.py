"""How many pages a PDF has, told from its bytes in little time, and how many tokens a model may make of them.

A page is 4,600 tokens: 3,000 of text, the upper end of what Anthropic says a page typically has, and 1,600 for the picture that
it makes of each page besides (platform.claude.com/docs/en/build-with-claude/pdf-support, "Estimate your costs", and the most
that a picture has, docs/en/build-with-claude/vision; as of 2026-11). Others say no number.
"""

import base64
import binascii
import re
import zlib
from typing import Final

from apps.invocation.invocations import Document, Part

PDF: Final = "application/pdf"
TOKENS_A_PAGE: Final = 4600
MOST_PAGES: Final = 1000  # more than any provider reads
BYTES_A_PAGE: Final = 50_000  # where pages cannot be counted
LARGEST_UNPACKED: Final = 8 * 2**20
# ISO 32000-1, 7.7.3 (page tree: /Type /Page, /Count) and 7.5.7 (object streams, which may hold page objects compressed).
PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
COUNT: Final = re.compile(rb"/Count\s+(\d{1,6})(?!\d)")
PACKED: Final = re.compile(rb"/Type\s*/ObjStm\b[^\0]{0,300}?stream\r?\n")


def is_pdf(part: Part) -> bool:
    """Whether a part of a turn is a PDF."""
    return isinstance(part, Document) and part.media_type.partition(";")[0].strip().lower() == PDF


def pages_of(content: bytes) -> int:
    """The pages of a PDF, from 1 to 1,000: its page objects, or what its page tree counts, or one for each 50,000 bytes."""
    texts = (content, *unpacked(content))
    found = sum(len(PAGE.findall(text)) for text in texts)
    found = found or max((int(count) for text in texts for count in COUNT.findall(text)), default=0)
    return min(max(1, found or -(-len(content) // BYTES_A_PAGE)), MOST_PAGES)


def unpacked(content: bytes) -> list[bytes]:
    """What is in its compressed streams of objects, together at most 8 MiB; nothing of those that cannot be read."""
    texts, left = [], LARGEST_UNPACKED
    for packed in PACKED.finditer(content):
        try:
            texts.append(zlib.decompressobj().decompress(memoryview(content)[packed.end() :], left))
        except zlib.error:
            continue
        left -= len(texts[-1])
        if left <= 0:
            break
    return texts


def tokens_of(document: Document) -> int:
    """About how many tokens a PDF is at the most."""
    try:
        return pages_of(base64.b64decode(document.base64)) * TOKENS_A_PAGE
    except (binascii.Error, ValueError):
        return TOKENS_A_PAGE
