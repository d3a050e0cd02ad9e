"""The process in which one document is read: `python -m apps.extraction.adapters.child PARENT KIND`, a file as stdin.

It is started for one document and may be killed at any time. It limits its own memory and time before it touches the
document, needs no setting and no network, and writes one JSON object on stdout: {"pages": [...]} or {"unreadable": reason}.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from apps.extraction.layout.document import pages_of
from apps.extraction.layout.geometry import Sheet
from apps.extraction.results import Page, Unreadable

TEXT_MEMORY: Final = 2 * 2**30
OCR_MEMORY: Final = 6 * 2**30
TEXT_SECONDS: Final = 600
OCR_SECONDS: Final = 1400
DOCUMENT: Final = Path("/dev/stdin")
LARGEST_OUTPUT: Final = 512 * 2**20
DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, prctl(2)
TOO_MUCH_MEMORY: Final = "The document needs more memory than a document may have. Split it, or save it anew in a simpler form."


class Answer(msgspec.Struct, omit_defaults=True):
    """What the child says."""

    pages: tuple[Page, ...] = ()
    unreadable: str | None = None


def limit(memory: int, seconds: int) -> None:
    """Bound this process from here on; the hard limits are those of OCR, so that text may turn into OCR."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, OCR_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, OCR_SECONDS + 5))


def confine(parent: int) -> None:
    """Die with the parent, leave no core, write no more than the answer."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_OUTPUT, LARGEST_OUTPUT))
    limit(TEXT_MEMORY, TEXT_SECONDS)


def pdf_sheets(path: Path) -> Iterator[Sheet]:
    """The pages of a PDF; one that has ink but no words is read by OCR."""
    from apps.extraction.adapters import pdf  # noqa: PLC0415 (each engine is loaded only for its documents)

    document = pdf.opened(path)
    for place in range(len(document)):
        sheet = pdf.sheet_of(document, place)
        yield sheet if sheet.words or sheet.asides else scanned(document, place, sheet)


def scanned(document: Any, place: int, sheet: Sheet) -> Sheet:
    """The sheet of a PDF page without words: by OCR when there is ink, as it is when the page is blank."""
    from apps.extraction.adapters import images, pdf  # noqa: PLC0415

    limit(OCR_MEMORY, OCR_SECONDS)
    picture, scale = pdf.rendered(document, place)
    if images.inked(picture) is None:
        return sheet
    from apps.extraction.adapters import ocr  # noqa: PLC0415

    return ocr.sheet_of(picture, sheet.number, scale)


def image_sheets(path: Path) -> Iterator[Sheet]:
    """The pages of an image file, by OCR."""
    from apps.extraction.adapters import images, ocr  # noqa: PLC0415

    limit(OCR_MEMORY, OCR_SECONDS)
    for place, picture in enumerate(images.pictures(path)):
        yield ocr.sheet_of(picture, place + 1, 200 / 72)


READERS: Final[Mapping[str, Callable[[Path], Iterator[Sheet]]]] = {
    "pdf": pdf_sheets,
    "png": image_sheets,
    "jpeg": image_sheets,
    "tiff": image_sheets,
}


def answer(kind: str, path: Path) -> Answer:
    """The pages of the document, or why it cannot be read."""
    try:
        sheets = list(READERS[kind](path))
        if not any(sheet.words or sheet.asides for sheet in sheets):
            raise Unreadable("No text was found in the document.")
        return Answer(pages=pages_of(sheets))
    except Unreadable as refused:
        return Answer(unreadable=refused.reason)
    except MemoryError:
        return Answer(unreadable=TOO_MUCH_MEMORY)


def main() -> None:
    parent, kind = sys.argv[1:3]
    confine(int(parent))
    sys.stdout.buffer.write(msgspec.json.encode(answer(kind, DOCUMENT)))


if __name__ == "__main__":
    main()
