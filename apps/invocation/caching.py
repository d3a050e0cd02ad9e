"""Answers that are given again: to the very same request, or to one that means the same; opt-in, per application."""

from apps.invocation.calls import Call
from apps.invocation.invocations import Completion


async def find(call: Call) -> Completion | None:
    """The kept answer to this call, or None."""
    return None


def keep(call: Call, answer: Completion) -> None:
    """Keep the answer for later calls, where the application's policy says so."""
