"""Administrators of the running platform."""

import pytest

from tests.portal.visitor import CookieClient, Visitor, signed_in
from tests.running import Platform


@pytest.fixture(scope="session")
def visitor(platform: Platform) -> Visitor:
    """An administrator who is signed in."""
    return signed_in(platform)


@pytest.fixture(scope="session")
def cookie_client(visitor: Visitor) -> CookieClient:
    """The same person as the original's portal knows one: by an access token in a cookie."""
    return CookieClient(visitor.url, visitor.access_token())
