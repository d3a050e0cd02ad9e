"""Applications at the door, whose tokens are verified against the real issuer."""

from collections.abc import Iterator

import pytest

from tests.extraction.door import Door
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
