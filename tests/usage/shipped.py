"""Waits for the account: what a call leaves is in the store soon after its answer, not before it."""

from apps.usage import services
from tests.running import wait_for


def shipped() -> None:
    """Return when all that this process has put on the account is in the store."""
    wait_for(lambda: not services.journal.waiting, 30, every=0.01)
