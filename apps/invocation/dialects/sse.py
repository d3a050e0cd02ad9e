"""Server-sent events, as every dialect that streams writes them (WHATWG HTML, section 9.2: server-sent events)."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import msgspec

from apps.invocation.invocations import Event
from foundation.endpoint import as_problem
from foundation.errors import Problem

DONE: Final = b"data: [DONE]\n\n"
ENCODER: Final = msgspec.json.Encoder()


def data(value: Any) -> bytes:
    """One event without a name, as OpenAI's dialects have it. JSON has no line break outside of its texts: one line."""
    return b"data: %b\n\n" % ENCODER.encode(value)


def named(event: str, value: Any) -> bytes:
    """One event with a name, as Anthropic's and OpenAI's Responses have it."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), ENCODER.encode(value))


async def told(
    source: AsyncGenerator[Event, None], write: Callable[[Event], bytes], failure: Callable[[Problem], bytes], path: str
) -> AsyncGenerator[bytes, None]:
    """An answer's events in a dialect, for hot.Reply: what `write` makes of each; of empty bytes nothing is sent.

    What is raised before the first bytes is raised, and becomes an error with a status. What goes wrong after them becomes
    the last event, by `failure`, and nothing comes after it: such a stream never looks complete. `path` is for the log.
    Closed early, it closes the source, which then bills what has come.
    """
    begun = False
    async with aclosing(source) as events:
        try:
            async for event in events:
                if written := write(event):
                    begun = True
                    yield written
        except Exception as failed:
            if not begun:
                raise
            yield failure(as_problem(failed, path))
