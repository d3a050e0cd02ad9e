"""Tokens from an issuer that answers in this process, and the stage on which tasks and processes are rehearsed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from tests import forging
from tests.foundation.staging import Stage
from tests.serving import serving


@pytest.fixture(scope="module")
def good_token() -> Iterator[str]:
    """The access token of an onboarded application."""
    with serving():
        yield forging.good_token(forging.new_client())


@pytest.fixture
def both_ways() -> Iterator[None]:
    """The paths of `asking` are served beside the platform's own."""
    with override_settings(ROOT_URLCONF="tests.foundation.asking"):
        yield


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of its own for each test."""
    made = Stage(tmp_path / "home")
    yield made
    made.close()
