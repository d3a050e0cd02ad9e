"""The stores that keep records, each opened for a test, and what tests say of their records."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foundation.adapters.aws.records import DynamoRecords
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.records import Page, Records
from tests.conformance.shapes import Note

LETTERS = bytes(33 + number % 94 for number in range(256))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def embedded(place: Path) -> SqliteRecords:
    return SqliteRecords(Database(place / "records.db", SCHEMA))


def on_this_machine(request: pytest.FixtureRequest) -> Callable[[], Records]:
    return partial(embedded, request.getfixturevalue("tmp_path"))


def in_dynamo(request: pytest.FixtureRequest) -> Callable[[], Records]:
    return partial(DynamoRecords, request.getfixturevalue("dynamo").client, request.getfixturevalue("tables"))


STORES: dict[str, Callable[[pytest.FixtureRequest], Callable[[], Records]]] = {"embedded": on_this_machine, "aws": in_dynamo}


def noise(size: int) -> str:
    """A text that no compression makes much shorter."""
    return random.Random(size).randbytes(size).translate(LETTERS).decode()


def names(page: Page[Note]) -> list[str]:
    return [note.name for note in page.items]


def whole(records: Records, kind: Any, *prefix: Any, **how: Any) -> list[Any]:
    """All items of a query, page by page."""
    found: list[Any] = []
    cursor = None
    while True:
        page = records.query(kind, *prefix, cursor=cursor, **how)
        found += page.items
        if (cursor := page.cursor) is None:
            return found
