"""Pictures to sheets, by RapidOCR's PP-OCR models, which are in its wheel. Runs in the child process only."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
DOUBTFUL: Final = 0.9  # the certainty below which a page may be upside down

Point = tuple[float, float]


@cache
def _engine() -> Any:
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "Global.use_cls": False,  # it turns single lines over; a page is turned as a whole
            "Det.limit_type": "max",
            "Det.limit_side_len": LONGEST_SIDE,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines found in a picture: the corners of each, its text, and how sure the model is of it."""

    picture: Image.Image
    quads: tuple[tuple[Point, ...], ...]
    texts: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def certainty(self) -> float:
        """How sure the model is of a letter, 0 to 1."""
        letters = sum(len(text) for text in self.texts)
        weighed = sum(score * len(text) for score, text in zip(self.scores, self.texts, strict=True))
        return weighed / letters if letters else 0.0

    @property
    def upended(self) -> bool:
        """Whether most lines are higher than wide, as on a page that lies on its side."""
        high = sum(quad[3][1] - quad[0][1] > 1.5 * (quad[1][0] - quad[0][0]) for quad in self.quads)
        return 2 * high > len(self.quads) > 0


def sheet_of(picture: Image.Image, number: int, scale: float) -> Sheet:
    """The page in a picture as words, upright and straightened; without words when it is blank. `scale` is pixels a point."""
    found = _upright(picture)
    lines = zip(straightened(found.quads), found.texts, strict=True)
    words = tuple(word for quad, text in lines for word in words_in(quad, text, scale))
    return Sheet(number, found.picture.width / scale, found.picture.height / scale, words, recognized=True)


def _upright(picture: Image.Image) -> Reading:
    """The picture read the right way up: it is turned where its lines say so, or where it can hardly be read as it is."""
    found = _read(picture)
    if found.upended:
        sides = (_read(picture.rotate(angle, expand=True)) for angle in (90, 270))
        return max(sides, key=lambda reading: reading.certainty)
    if found.texts and found.certainty < DOUBTFUL:
        return max(found, _read(picture.rotate(180)), key=lambda reading: reading.certainty)
    return found


def _read(picture: Image.Image) -> Reading:
    part = inked(picture)
    if part is None:
        return Reading(picture, (), (), ())
    found = _engine()(numpy.asarray(picture.crop(part))[:, :, ::-1])  # a few words on a wide white page are overlooked
    if found.boxes is None:
        return Reading(picture, (), (), ())
    quads = tuple(tuple((float(x) + part[0], float(y) + part[1]) for x, y in quad) for quad in found.boxes)
    return Reading(picture, quads, tuple(str(text) for text in found.txts), tuple(float(score) for score in found.scores))


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
