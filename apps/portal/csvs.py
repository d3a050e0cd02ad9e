"""Tables as CSV files. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def inert(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula, whatever an application was named."""
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA) and not isinstance(cell, int | float) else text


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The header and the rows, as RFC 4180 has them."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows([inert(cell) for cell in row] for row in rows)
    return written.getvalue()
