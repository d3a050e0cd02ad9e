"""Administrators who went through the first sign-in, and the portal's side of the sign-in."""

import uuid
from collections.abc import Callable

import pytest

from apps.issuer import services
from tests.issuer.signing_in import Administrator, Portal

PASSWORD = "seven calm otters in the rain"


@pytest.fixture
def administrator() -> Administrator:
    """An administrator who has chosen a password."""
    made = services.create_administrator(f"{uuid.uuid4().hex[:12]}@example.org")
    portal = Portal()
    portal.sign_in(made.email, made.password)
    answer = portal.choose(PASSWORD)
    assert answer.status_code == 302, answer.content
    return Administrator(made.email, PASSWORD)


@pytest.fixture
def newcomer() -> Administrator:
    """An administrator with a one-time password."""
    made = services.create_administrator(f"{uuid.uuid4().hex[:12]}@example.org")
    return Administrator(made.email, made.password)


@pytest.fixture
def portal() -> Portal:
    """A browser in front of the portal's sign-in."""
    return Portal()


@pytest.fixture
def another_portal() -> Callable[[], Portal]:
    """Makes more browsers."""
    return Portal
