"""Which names a store or an index may have."""

import unicodedata
from typing import Final

from foundation.errors import Invalid

LONGEST: Final = 200
FORBIDDEN: Final = '/\\%:*?"<>|'
INVISIBLE: Final = ("Cc", "Cf", "Zl", "Zp")
RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{number}" for number in range(1, 10)), *(f"lpt{number}" for number in range(1, 10))]
)


def check(field: str, name: str) -> None:
    """Invalid says what is wrong with a name that is not taken; `field` is what the caller calls it."""
    if not name.strip(". "):
        raise Invalid(f"{field} must not be empty or only dots")
    if len(name) > LONGEST:
        raise Invalid(f"{field} has {len(name):,} characters and may have {LONGEST}")
    if any(character in FORBIDDEN or unicodedata.category(character) in INVISIBLE for character in name):
        raise Invalid(f"{field} must not hold {' '.join(FORBIDDEN)} or control and invisible characters")
    if name.partition(".")[0].strip().lower() in RESERVED:
        raise Invalid(f"{field} begins with a word that file systems reserve; choose another")
