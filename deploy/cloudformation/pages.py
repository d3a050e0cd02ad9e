"""Paragraphs and tables of the pages that are derived from the templates."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

WIDTH: Final = 126


def wrapped(text: str) -> str:
    """A paragraph in lines of the house's width."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows))
