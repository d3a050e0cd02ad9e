"""Private keys in their armour (RFC 7468 and OpenPGP's): from the line that begins one to the line that ends it.

One without its last line ends where characters come that no such block has.
"""

import re
from typing import Final

from apps.invocation.guarding.detectors import trailing

RULE: Final = "private_key"
BEGIN: Final = re.compile("-----BEGIN (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
END: Final = re.compile("-----END (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
BODY: Final = re.compile(r"[0-9A-Za-z+/=\s:,.()_\\\0-]*")
LONGEST_END: Final = 80
begin_end: Final = trailing("A-Z0-9 -", 80)


def body(text: str) -> tuple[int, bool]:
    """How far a block goes on at the beginning of a text, and whether it is over there, or only the text is."""
    inside = BODY.match(text)
    place = inside.end() if inside else 0
    last = END.search(text, 0, place)
    return (last.end(), True) if last else (place, place < len(text))


def begun(text: str) -> int:
    """From where a text that goes on could hold the beginning of a block that is not whole."""
    end = begin_end(text)
    return len(text) - len(end.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "))
