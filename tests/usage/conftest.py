"""What tests of the account share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.usage.journals import Opened


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Journals of this test alone."""
    made = Opened(tmp_path / "journal")
    yield made
    made.end()
