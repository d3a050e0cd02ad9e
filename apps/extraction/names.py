"""Which file names a job takes, and what kind of document a name announces."""

import enum
import unicodedata
from collections.abc import Mapping
from typing import Final

from foundation.errors import Invalid

MAXIMUM_BYTES: Final = 250
FORBIDDEN: Final = '&$@=;/:+ ,?\\{}^]">[~<#|%'
RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{number}" for number in range(1, 10)), *(f"lpt{number}" for number in range(1, 10))]
)


class Kind(enum.StrEnum):
    """How a document is read."""

    TEXT = "text"
    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"


KINDS: Final[Mapping[str, Kind]] = {
    "pdf": Kind.PDF,
    "txt": Kind.TEXT,
    "md": Kind.TEXT,
    "html": Kind.TEXT,
    "json": Kind.TEXT,
    "jsonl": Kind.TEXT,
    "png": Kind.PNG,
    "jpg": Kind.JPEG,
    "jpeg": Kind.JPEG,
    "tiff": Kind.TIFF,
}


def extension(name: str) -> str:
    """What follows the last dot, in lower case; a name without a dot is its own extension."""
    return name.rpartition(".")[2].lower()


def kind_of(name: str) -> Kind:
    """How the document of a name that was checked is read."""
    return KINDS[extension(name)]


def check(name: str) -> None:
    """Invalid says what is wrong with a name that a job does not take; the texts begin as the contract has them."""
    if not name:
        raise Invalid("Invalid file name")
    if extension(name) not in KINDS:
        raise Invalid(f"Invalid file type. Supported file types are: {', '.join(KINDS)}.")
    if any(character in FORBIDDEN or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in name):
        raise Invalid(
            f"Invalid file name. Following characters are not allowed: space, {' '.join(FORBIDDEN.replace(' ', ''))}, "
            "control and invisible characters."
        )
    if len(name.encode()) > MAXIMUM_BYTES:
        raise Invalid(f"Invalid file name. It has {len(name.encode()):,} bytes and may have {MAXIMUM_BYTES}.")
    if name.partition(".")[0].lower() in RESERVED:
        raise Invalid("Invalid file name. It begins with a word that file systems reserve; choose another.")
