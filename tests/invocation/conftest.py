"""Applications that call models in this process."""

import pytest

from tests.invocation.door import Door, opened


@pytest.fixture(scope="session")
def door() -> Door:
    return opened()


@pytest.fixture(scope="session")
def other_door() -> Door:
    return opened()
