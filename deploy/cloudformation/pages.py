"""Paragraphs and tables of the pages that are derived from the templates."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

WIDTH: Final = 126
DOCS: Final = Path(__file__).parents[2] / "docs"
SECTION: Final = re.compile("<!-- made: ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)


def wrapped(text: str) -> str:
    """A paragraph in lines of the house's width."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows))


def filled(name: str, made: Mapping[str, str]) -> str:
    """A page of docs/ that is written by hand, with its sections `<!-- made: NAME -->` … `<!-- end -->` as they should be.

    ValueError: the page has not each of them once.
    """
    text = (DOCS / name).read_text()
    if sorted(SECTION.findall(text)) != sorted(made):
        raise ValueError(f"docs/{name} has the sections {SECTION.findall(text)}, and not {[*made]}")
    return SECTION.sub(lambda found: f"<!-- made: {found[1]} -->\n\n{made[found[1]]}\n\n<!-- end -->", text)
