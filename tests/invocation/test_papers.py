"""How many pages a PDF has, and what is reserved for them."""

import base64
import zlib

import pytest

from apps.applications.records import Allowance
from apps.invocation.papers import MOST_PAGES, TOKENS_A_PAGE, pages_of
from apps.invocation.sizes import A_MESSAGE, A_REQUEST
from tests.extraction.pdfs import Sheet, pdf
from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import onboarded


def packed(count: int) -> bytes:
    """A PDF whose page objects lie in a compressed stream of objects, as most writers of today make them."""
    pages = zlib.compress(b" ".join(b"<</Type/Page/Parent 1 0 R>>" for _ in range(count)))
    head = b"%%PDF-1.7\n5 0 obj <</Type /ObjStm /N %d /First 20 /Filter /FlateDecode /Length %d>>\nstream\r\n" % (
        count,
        len(pages),
    )
    return head + pages + b"\nendstream\nendobj\n"


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (pdf(*[Sheet().text(9, 9, "Hi")] * 7), 7),
        (packed(12), 12),
        (b"%PDF-1.7 <</Type /Pages /Count 3>> <</Type /Outlines /Count 2>>", 3),
        (b"%PDF-1.7 <</Type/ObjStm>> stream\nnot compressed" + b"x" * 120_000, 3),
        (b"%PDF-1.7, or so", 1),
        (b"/Type/Page " * 5000, MOST_PAGES),
        (b"/Count 999999", MOST_PAGES),
        (b"", 1),
    ],
    ids=["plain", "packed", "tree", "by size", "short", "too many", "too many said", "empty"],
)
def test_pages_are_counted_from_the_bytes(content: bytes, pages: int):
    assert pages_of(content) == pages


def test_what_is_unpacked_is_bounded():
    bomb = zlib.compress(b"/Type/Page " * 10_000_000)
    assert pages_of(b"<</Type/ObjStm>> stream\n" + bomb) == MOST_PAGES


@pytest.mark.parametrize("pages", [1, 3])
async def test_a_pdf_reserves_by_its_pages(pages: int):
    door = onboarded(allowance=Allowance(tokens_per_minute=2 * TOKENS_A_PAGE))
    content = pdf(*[Sheet().text(9, 9, "Hi")] * pages)
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(content).decode()}
    turn = {"role": "user", "content": [{"type": "document", "source": source}]}
    with claudes():
        answer = await door.post("/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": [turn]})
    assert answer.status == (200 if pages == 1 else 429)
    if pages == 3:
        assert f"this call can use {3 * TOKENS_A_PAGE + A_REQUEST + A_MESSAGE + 9}" in answer.json["error"]["message"]
