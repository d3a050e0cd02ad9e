"""What comes out of a document, and the JSON in which it is kept and handed out."""

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec


class Unreadable(Exception):
    """The document cannot be read. The reason is for the person who uploaded it: what is wrong, what to do about it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document: its number from 1, its text, and those parts of the text that are tables."""

    number: int
    text: str
    tables: tuple[str, ...] = ()


class PageText(msgspec.Struct, frozen=True):
    """A page as the result JSON has it."""

    page_number: int
    page_text: str


class TextResult(msgspec.Struct, frozen=True):
    """The result JSON."""

    job_id: str
    file_name: str
    pages: tuple[PageText, ...]


def encode_text(job: str, name: str, pages: Iterable[Page]) -> bytes:
    """The result JSON of a document; the same pages give the same bytes."""
    return msgspec.json.encode(TextResult(job, name, tuple(PageText(page.number, page.text) for page in pages)))


def encode_tables(job: str, name: str, pages: Iterable[Page]) -> bytes:
    """The tables JSON of a document."""
    listed: list[dict[str, Any]] = [{"page_number": page.number, "tables": list(page.tables)} for page in pages]
    return msgspec.json.encode({"job_id": job, "file_name": name, "pages": listed})


def decode_text(content: bytes) -> tuple[Page, ...]:
    """The pages in a result JSON."""
    return tuple(Page(page.page_number, page.page_text) for page in msgspec.json.decode(content, type=TextResult).pages)


def plain_text(job: str, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The result JSON of a document that is text already: one page, untouched. Never holds more than a part of it.

    Unreadable when the parts are not UTF-8 together, or nothing at all.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    yield f'{{"job_id":{json.dumps(job)},"file_name":{json.dumps(name)},"pages":[{{"page_number":1,"page_text":"'.encode()
    size = 0
    for part in parts:
        yield _spelled(_decoded(decoder, part, size, final=False))
        size += len(part)
    if not size:
        raise Unreadable("The file is empty. Upload it again with its content.")
    yield _spelled(_decoded(decoder, b"", size, final=True)) + b'"}]}'


def _decoded(decoder: codecs.IncrementalDecoder, part: bytes, before: int, *, final: bool) -> str:
    waiting = len(decoder.getstate()[0])
    try:
        return decoder.decode(part, final)
    except UnicodeDecodeError as wrong:
        where = before - waiting + wrong.start
        raise Unreadable(
            f"The file is not UTF-8 text (byte {where:,} is not). Save it as UTF-8 and upload it again."
        ) from wrong


def _spelled(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()
