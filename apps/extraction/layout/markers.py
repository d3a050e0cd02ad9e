"""The marks before the items of a list."""

import re
from typing import Final

BULLET: Final = re.compile(r"^[•◦▪▫■□●○‣⁃∙·➢➤►▸✓✔❖\uf0b7\uf0a7\uf0d8\uf0fc\uf02d](?=\s|$|\w)|^[-–—*o](?=\s|$)")
NUMBER: Final = re.compile(r"^(?:\d{1,3}[.)]|\(?(?:[a-zA-Z]|[ivxIVX]{1,5}|\d{1,3})\)|[a-zA-Z]\.)(?=\s|$)")
SECTION: Final = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[A-Z]\.(?:\d{1,2}\.?)*|[IVX]{1,5}\.|§\s?\d+)\s+\S")


def is_bulleted(text: str) -> bool:
    """Whether the text begins with a bullet."""
    return BULLET.match(text) is not None


def is_numbered(text: str) -> bool:
    """Whether the text begins with the number or letter of a list item."""
    return NUMBER.match(text) is not None


def is_section(text: str) -> bool:
    """Whether the text begins as a numbered heading does."""
    return SECTION.match(text) is not None


def is_marker(text: str) -> bool:
    """Whether the text is the mark of a list item and nothing else."""
    return any(found is not None and found.end() == len(text) for found in (BULLET.match(text), NUMBER.match(text)))
