"""Texts as the detectors read them: same length and places, with full-width and other forms of a character made plain."""

import re
import unicodedata
from typing import Final

SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
DASHES: Final = "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63"
BOUNDARY: Final = "\0"  # stands for an escape in a JSON text: no detector's pattern goes over it
ESCAPE: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[^u])", re.DOTALL)
ESCAPE_BEGUN: Final = 6


class Plain(dict[int, int]):
    """A table for str.translate, made as characters come: every digit is 0 to 9, full-width forms, spaces and dashes plain."""

    def __missing__(self, code: int) -> int:
        letter = chr(code)
        if 0xFF01 <= code <= 0xFF5E:
            plain = code - 0xFEE0
        elif code >= 128 and letter.isdecimal():
            plain = ord("0") + unicodedata.decimal(letter)
        else:
            plain = ord(" ") if letter in SPACES else ord("-") if letter in DASHES else code
        if len(self) < 10_000:
            self[code] = plain
        return plain


PLAIN: Final = Plain()


def plain(text: str, *, json: bool = False) -> str:
    """The text as the detectors read it. json: it is the text of a JSON value, whose escapes are boundaries."""
    if json and "\\" in text:
        text = ESCAPE.sub(lambda escape: BOUNDARY * len(escape[0]), text)
    return text if text.isascii() else text.translate(PLAIN)


def escape_begun(text: str) -> int:
    """From where a plain text of JSON may end in an escape that is not whole."""
    place = text.rfind("\\", max(0, len(text) - ESCAPE_BEGUN))
    return len(text) if place < 0 else place
