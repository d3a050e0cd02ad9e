"""Documents as Amazon Textract sees them: recorded answers, and for PDFs of which none is recorded, what is printed in them."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image

from apps.extraction.adapters.local import MAGIC
from apps.extraction.adapters.textract import Textract
from apps.extraction.adapters.textract_turns import Pace, Places
from apps.extraction.names import Kind
from apps.extraction.ports import Document, Engine, Extracted, Pending
from apps.extraction.results import Page
from foundation.adapters import files
from foundation.adapters.aws.clients import client
from foundation.ambient import new_hex_id
from foundation.errors import NotFound
from foundation.ports import Limits
from tests.servers.moto import BUCKET, Moto
from tests.servers.textract import Answer, Refused, TextractServer, recorded

FOLDER = Path(__file__).parent / "textract"
TRIES = 4  # of boto3, before it gives up
START, GET = "StartDocumentAnalysis", "GetDocumentAnalysis"
AT_ONCE = Pace(first=0, longest_look=0, longest_turn=0, between=0)


def answer_of(name: str) -> Answer:
    """A recorded answer, without its own paging."""
    return recorded(json.loads((FOLDER / f"{name}.json").read_text()))


def content_of(name: str) -> bytes:
    """The document of a recorded answer, or where it is not kept, a text that stands for it."""
    kept = FOLDER / f"{name}.pdf"
    return kept.read_bytes() if kept.exists() else f"%PDF-1.7 {name}".encode()


RECORDED = {content_of(path.stem): path.stem for path in FOLDER.glob("*.json")}


def eye(content: bytes) -> Answer:
    """What Textract answers for a document."""
    if content in RECORDED:
        return answer_of(RECORDED[content])
    if content.startswith(MAGIC[Kind.PDF]):
        blocks = list(printed(content))
        return {"DocumentMetadata": {"Pages": blocks[-1]["Page"]}, "Blocks": blocks}
    if not any(content.startswith(head) for heads in MAGIC.values() for head in heads):
        raise Refused("UnsupportedDocumentException")
    try:
        Image.open(BytesIO(content)).load()
    except OSError as damaged:
        raise Refused("BadDocumentException") from damaged
    return {"DocumentMetadata": {"Pages": 1}, "Blocks": [block(1, "PAGE", (0, 0, 1, 1))]}


def printed(content: bytes) -> Iterator[Any]:
    """The blocks of a PDF, page by page: its lines, and each of them a paragraph."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as damaged:
        raise Refused("BadDocumentException") from damaged
    for number, page in enumerate(document, start=1):
        width, height = page.get_size()
        text = page.get_textpage()
        yield block(number, "PAGE", (0, 0, 1, 1))
        for place in range(text.count_rects()):
            left, low, right, high = text.get_rect(place)
            box = (left / width, 1 - high / height, right / width, 1 - low / height)
            said = text.get_text_bounded(left, low, right, high)
            words = [block(number, "WORD", box, Text=word) for word in said.split()]
            line = block(number, "LINE", box, [word["Id"] for word in words], Text=said)
            yield from (*words, line, block(number, "LAYOUT_TEXT", box, [line["Id"]]))


def block(page: int, kind: str, box: tuple[float, ...], children: list[str] | None = None, **more: Any) -> Any:
    """One block in the shape of the API; its box is left, top, right and bottom in shares of the page."""
    left, top, right, bottom = box
    extent = {"Left": left, "Top": top, "Width": right - left, "Height": bottom - top}
    related = [{"Type": "CHILD", "Ids": children}] if children else []
    return {
        "Id": new_hex_id(),
        "BlockType": kind,
        "Page": page,
        "Geometry": {"BoundingBox": extent},
        "Relationships": related,
        **more,
    }


def in_store(bucket: str, name: str) -> bytes | None:
    """What is at a path of the file store, which stands for the bucket."""
    try:
        return files.read(name) if bucket == BUCKET else None
    except NotFound:
        return None


def engine_on(server: TextractServer, limits: Limits, most: int = 100, pace: Pace = AT_ONCE) -> Textract:
    """The engine on a server; if nothing else is said, it waits for nothing."""
    with server.reached():
        return Textract(client("textract", Moto("").settings()), BUCKET, Places(limits, most), pace)


def document(content: bytes, kind: Kind) -> Document:
    """A document in the file store."""
    name = new_hex_id()
    files.write(f"documents/conformance/{name}", content)
    return Document(name, kind, f"documents/conformance/{name}")


def pages_of(engine: Engine, content: bytes, kind: Kind = Kind.PDF) -> tuple[Page, ...]:
    """The pages that an engine gives in the end."""
    return finished(engine, document(content, kind)).pages


def finished(engine: Engine, given: Document, ticket: str | None = None) -> Extracted:
    """What an engine gives in the end, asked again and again."""
    for _ in range(100):
        told = engine.read(given, ticket)
        if isinstance(told, Extracted):
            return told
        ticket = told.ticket if isinstance(told, Pending) else ticket
    raise AssertionError("the engine comes to no end")


def counted(server: TextractServer) -> tuple[int, int]:
    """How many calls of each operation came through."""
    names = [name for name, _ in server.calls]
    return names.count(START), names.count(GET)


def invoice() -> Document:
    """A new document with one invoice."""
    return document(content_of("sample-invoice"), Kind.PDF)
