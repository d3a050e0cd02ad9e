"""PDF pages to sheets, by pdfium. Runs in the child process only."""

import ctypes
import math
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from apps.extraction.layout.geometry import Rule, Sheet
from apps.extraction.layout.glyphs import LIGATURES, Glyph, words_of
from apps.extraction.results import Unreadable

MOST_PAGES: Final = 3000
MOST_GLYPHS: Final = 200_000  # on one page
MOST_OBJECTS: Final = 20_000
MOST_RULES: Final = 10_000
MOST_PIXELS: Final = 16_000_000
DOTS: Final = 200  # an inch, for OCR
SLANTED: Final = 4  # the way of text that runs in no quarter turn, such as a stamp across the page
THIN: Final = 2.5  # points: a filled box this thin is a rule
BOLD_WEIGHT: Final = 600
FORCE_BOLD: Final = 1 << 18  # of a font's flags (ISO 32000-1, table 123)

Turn = Callable[[float, float, float, float], tuple[float, float, float, float]]  # left, top, right, bottom


def opened(path: Path) -> pypdfium2.PdfDocument:
    """The document; Unreadable when it is encrypted, damaged, without pages or with too many."""
    raw = pdfium.FPDF_LoadDocument(str(path).encode(), None)  # PdfDocument itself resolves a path, which stdin does not bear
    if not raw:
        if pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unreadable("The PDF is encrypted. Remove its password and upload it again.")
        raise Unreadable("The PDF is damaged or cut off: it cannot be opened. Save it anew and upload it again.")
    document = pypdfium2.PdfDocument(raw)
    if len(document) > MOST_PAGES:
        raise Unreadable(f"The PDF has {len(document):,} pages; at most {MOST_PAGES:,} are read. Split it.")
    if not len(document):
        raise Unreadable("The PDF has no pages.")
    return document


def sheet_of(document: pypdfium2.PdfDocument, place: int) -> Sheet:
    """One page as words and rules, upright whichever way its text runs."""
    try:
        page = document[place]
        text = page.get_textpage()
    except pypdfium2.PdfiumError as refused:
        raise Unreadable(f"Page {place + 1} of the PDF is damaged. Save it anew and upload it again.") from refused
    try:
        return _sheet(page, text, place + 1)
    finally:
        text.close()
        page.close()


def _sheet(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, number: int) -> Sheet:
    left, bottom, right, top = page.get_bbox()
    glyphs = list(_glyphs(text))
    ways = Counter(way for way, _ in glyphs)
    up = max(range(4), key=lambda way: ways[way])
    turn = turns(left, bottom, right, top)[up]
    upright = (Glyph(each.text, *turn(*each[1:5]), each.size, each.bold) for way, each in glyphs if way == up)
    asides = ("".join(glyph.text for way, glyph in glyphs if way == other) for other in range(SLANTED + 1) if other != up)
    width, height = (right - left, top - bottom) if up % 2 == 0 else (top - bottom, right - left)
    return Sheet(
        number,
        width,
        height,
        tuple(words_of(upright)),
        tuple(islice(_rules(page, turn), MOST_RULES)),
        tuple(spelled for aside in asides if (spelled := " ".join(aside.translate(LIGATURES).split()))),
    )


def turns(left: float, bottom: float, right: float, top: float) -> tuple[Turn, Turn, Turn, Turn]:
    """From boxes in pdfium's points to ours, for text that runs to the right, upward, to the left, downward."""
    return (
        lambda x0, y0, x1, y1: (x0 - left, top - y0, x1 - left, top - y1),
        lambda x0, y0, x1, y1: (y1 - bottom, x0 - left, y0 - bottom, x1 - left),
        lambda x0, y0, x1, y1: (right - x1, y1 - bottom, right - x0, y0 - bottom),
        lambda x0, y0, x1, y1: (top - y0, right - x1, top - y1, right - x0),
    )


def _glyphs(text: pypdfium2.PdfTextPage) -> Iterator[tuple[int, Glyph]]:
    """Each glyph with the way it runs, in quarter turns or SLANTED, in pdfium's points."""
    raw, box = text.raw, pdfium.FS_RECTF()
    count = pdfium.FPDFText_CountChars(raw)
    if count > MOST_GLYPHS:
        raise Unreadable(f"A page of the PDF holds {count:,} characters; at most {MOST_GLYPHS:,} are read. Split it.")
    known, way, size, bold = None, 0, 10.0, False
    for place in range(count):
        code = pdfium.FPDFText_GetUnicode(raw, place)
        if not code:
            continue
        part = ctypes.cast(pdfium.FPDFText_GetTextObject(raw, place), ctypes.c_void_p).value
        if part is not None and part != known:
            known, way, size, bold = part, *_font(raw, place)
        pdfium.FPDFText_GetLooseCharBox(raw, place, box)
        height = abs(box.top - box.bottom) if way % 2 == 0 else abs(box.right - box.left)
        fitting = size if 0.4 * height <= size <= 2.5 * height or not height else 0.85 * height
        yield way, Glyph(_character(code), box.left, box.top, box.right, box.bottom, fitting, bold)


def _character(code: int) -> str:
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"


def _font(raw: Any, place: int) -> tuple[int, float, bool]:
    """Way, size in points and boldness of a glyph."""
    matrix, flags, name = pdfium.FS_MATRIX(), ctypes.c_int(), ctypes.create_string_buffer(128)
    scale, quarters = 1.0, 0.0
    if pdfium.FPDFText_GetMatrix(raw, place, matrix):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
        quarters = math.atan2(matrix.b, matrix.a) / (math.pi / 2)
    pdfium.FPDFText_GetFontInfo(raw, place, name, 128, flags)
    named = name.value.decode("utf-8", "replace").lower()
    heavy = pdfium.FPDFText_GetFontWeight(raw, place) >= BOLD_WEIGHT
    bold = heavy or bool(flags.value & FORCE_BOLD) or any(word in named for word in ("bold", "black", "heavy", "-bd", "cmbx"))
    way = round(quarters) % 4 if abs(quarters - round(quarters)) < 0.1 else SLANTED
    return way, pdfium.FPDFText_GetFontSize(raw, place) * scale, bold


def _rules(page: pypdfium2.PdfPage, turn: Turn) -> Iterator[Rule]:
    for seen, part in enumerate(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=3)):
        if seen >= MOST_OBJECTS:
            return
        for (x0, y0), (x1, y1) in _strokes(part):
            left, top, right, bottom = turn(min(x0, x1), max(y0, y1), max(x0, x1), min(y0, y1))
            if bottom - top <= THIN < 3 * THIN <= right - left:
                yield Rule(True, (top + bottom) / 2, left, right)
            elif right - left <= THIN < 3 * THIN <= bottom - top:
                yield Rule(False, (left + right) / 2, top, bottom)


def _strokes(part: Any) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The lines that a path draws, as pairs of points: the segments of a stroke, a filled box that is thin."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(part.raw, fill, stroke)
    left, bottom, right, top = part.get_bounds()
    if right - left <= THIN or top - bottom <= THIN:
        yield (left, bottom), (right, top)
    elif stroke.value:
        yield from _segments(part)


def _segments(part: Any) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    matrix = part.get_matrix()
    x, y = ctypes.c_float(), ctypes.c_float()
    start = before = (0.0, 0.0)
    for place in range(min(pdfium.FPDFPath_CountSegments(part.raw), MOST_OBJECTS)):
        segment = pdfium.FPDFPath_GetPathSegment(part.raw, place)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield before, point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield point, start
        before = point


def rendered(document: pypdfium2.PdfDocument, place: int) -> tuple[Any, float]:
    """A picture of a page for OCR, and how many of its pixels are a point."""
    page = document[place]
    width, height = page.get_size()
    scale = min(DOTS / 72, math.sqrt(MOST_PIXELS / max(width * height, 1.0)))
    try:
        return page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB"), scale
    finally:
        page.close()
