"""Tokens from an issuer that answers in this process."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests import forging
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
