"""Pictures to sheets, by RapidOCR's PP-OCR models, which are in its wheel. Runs in the child process only."""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import median
from typing import Any, Final

import numpy
from PIL import Image
from rapidocr import RapidOCR

from apps.extraction.adapters.images import inked
from apps.extraction.layout.geometry import Box, Sheet, Word

THREADS: Final = 2
LONGEST_SIDE: Final = 1280  # pixels at which lines are looked for; they are read at full size
GLYPH_HEIGHT: Final = 0.8  # of a recognized line's height is its font size

Point = tuple[float, float]


@cache
def _engine() -> Any:
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "Det.limit_type": "max",
            "Det.limit_side_len": LONGEST_SIDE,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def sheet_of(picture: Image.Image, number: int, scale: float) -> Sheet:
    """The page in a picture as words, straightened; without words when it is blank. `scale` is pixels a point."""
    part = inked(picture)
    if part is None:
        return Sheet(number, picture.width / scale, picture.height / scale, (), recognized=True)
    found = _engine()(numpy.asarray(picture.crop(part))[:, :, ::-1])  # a few words on a wide white page are overlooked
    quads = [
        [(float(x) + part[0], float(y) + part[1]) for x, y in quad] for quad in (() if found.boxes is None else found.boxes)
    ]
    lines = zip(straightened(quads), found.txts or (), strict=False)
    words = tuple(word for quad, text in lines for word in words_in(quad, str(text), scale))
    return Sheet(number, picture.width / scale, picture.height / scale, words, recognized=True)


def straightened(quads: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """The corners of the lines, turned so that most lines run level."""
    angles = [math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0]) for quad in quads]
    level = [angle for angle in angles if abs(angle) < math.pi / 8]
    skew = median(level) if level else 0.0
    cosine, sine = math.cos(-skew), math.sin(-skew)
    return [[(x * cosine - y * sine, x * sine + y * cosine) for x, y in quad] for quad in quads]


def words_in(quad: Sequence[Point], text: str, scale: float) -> Iterator[Word]:
    """The words of one recognized line, each with the share of the line's width that its letters have."""
    left = (quad[0][0] + quad[3][0]) / 2 / scale
    right = (quad[1][0] + quad[2][0]) / 2 / scale
    top = (quad[0][1] + quad[1][1]) / 2 / scale
    bottom = (quad[2][1] + quad[3][1]) / 2 / scale
    step, place = (right - left) / max(len(text), 1), 0
    for part in text.split(" "):
        if part:
            box = Box(left + place * step, top, left + (place + len(part)) * step, bottom)
            yield Word(part, box, GLYPH_HEIGHT * (bottom - top))
        place += len(part) + 1
