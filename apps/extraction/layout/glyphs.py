"""Glyphs to words."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from apps.extraction.layout.geometry import Box, Word

SOFT_HYPHEN: Final = "\u00ad"
HYPHENS: Final = frozenset("\x02\ufffe\u00ad")  # what pdfium makes of a hyphen at the end of a line, and the real thing
LIGATURES: Final = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\x00": None, "\ufffd": None}
)
WIDEST_GAP: Final = 0.3  # of the font size; a wider gap ends a word


class Glyph(NamedTuple):
    """One printed character and its box, as an engine gives it."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool


def words_of(glyphs: Iterable[Glyph]) -> Iterator[Word]:
    """The words of glyphs in their order: white space, a wide gap or another line ends a word.

    A word whose last glyph is a hyphen that was only put in to break it ends with a soft hyphen.
    """
    held: list[Glyph] = []
    for glyph in glyphs:
        if held and (glyph.text.isspace() or _apart(held[-1], glyph)):
            yield from _word(held)
            held = []
        if not glyph.text.isspace():
            held.append(glyph)
    if held:
        yield from _word(held)


def _apart(before: Glyph, after: Glyph) -> bool:
    size = max(before.size, after.size, 1.0)
    aside = max(after.left - before.right, before.left - after.right)
    shift = abs((before.top + before.bottom) - (after.top + after.bottom)) / 2
    return aside > WIDEST_GAP * size or shift > 0.6 * size


def _word(held: list[Glyph]) -> Iterator[Word]:
    text = "".join(SOFT_HYPHEN if glyph.text in HYPHENS else glyph.text for glyph in held).translate(LIGATURES)
    text = text[:-1].replace(SOFT_HYPHEN, "") + text[-1:]
    if not text.strip(SOFT_HYPHEN):
        return
    box = Box(
        min(glyph.left for glyph in held),
        min(glyph.top for glyph in held),
        max(glyph.right for glyph in held),
        max(glyph.bottom for glyph in held),
    )
    bold = 2 * sum(glyph.bold for glyph in held) > len(held)
    yield Word(text, box, max(glyph.size for glyph in held), bold)
