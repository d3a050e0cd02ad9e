"""What usage needs from whoever takes traces."""

from collections.abc import Sequence
from typing import Protocol

from apps.usage.records import Invocation


class Tracer(Protocol):
    """Takes a span for each call. Never waits for whoever it sends them to, and raises nothing: a trace is no account."""

    def ended(self, rows: Sequence[Invocation]) -> None:
        """These calls have ended. What cannot be sent in time is dropped."""
