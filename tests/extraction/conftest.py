"""Applications at the door, whose tokens are verified against the real issuer, and what stands for Textract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.ports import Limits
from tests.extraction.door import Door
from tests.extraction.recorded import eye, in_store
from tests.servers.textract import TextractServer, textract
from tests.serving import serving


@pytest.fixture(scope="module")
def published_keys() -> Iterator[None]:
    """The issuer's keys, reachable where tokens say."""
    with serving():
        yield


@pytest.fixture
def door(published_keys: None) -> Door:
    return Door()


@pytest.fixture
def other(published_keys: None) -> Door:
    return Door()


@pytest.fixture
def seen() -> dict[bytes, object]:
    """What the server answers for some documents."""
    return {}


@pytest.fixture
def server(seen: dict[bytes, object]) -> Iterator[TextractServer]:
    """A Textract that reads the documents of this platform's store."""
    with textract(in_store, lambda content: seen.get(content) or eye(content)) as running:
        yield running


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    """Of what Textract is given at once."""
    return SqliteLimits(Database(tmp_path / "limits.db", SCHEMA))
