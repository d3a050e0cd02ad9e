"""Local checks of what goes to a model and of what comes from it, as the application's policy says."""

from collections.abc import AsyncGenerator

from apps.invocation.calls import Call
from apps.invocation.invocations import Completion, Event


def before(call: Call) -> None:
    """Check the request: Blocked, or call.request with masks in it, or notes in call.findings."""


def after(call: Call, answer: Completion) -> Completion:
    """Check a whole answer: Blocked, or the answer with masks in it."""
    return answer


def filtered(call: Call, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same for a stream, which is not held back longer than the longest thing that is looked for."""
    return events
