"""The one inner form of a call and of its answer: every dialect is translated into it, every provider out of it."""

import enum
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct


class Role(enum.StrEnum):
    """Who speaks in a turn. What the application itself says stands in Request.system."""

    USER = "user"
    ASSISTANT = "assistant"


class Text(Struct, frozen=True, tag="text"):
    """A part of a turn that is text."""

    text: str


Part: TypeAlias = Text


class Message(Struct, frozen=True):
    """One turn."""

    role: Role
    content: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of all its parts, a line for each."""
        return "\n".join(part.text for part in self.content)


class Request(Struct, frozen=True):
    """What a model is asked. `model` is a name of the catalogue; a provider gets its own id for the model in its place.

    messages: at least one; a last turn of the assistant is the beginning of its answer, which the model continues.
    None: not said, the provider's default holds. A temperature of 0 is 0.
    """

    model: str
    messages: tuple[Message, ...]
    system: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()


class Usage(Struct, frozen=True):
    """Tokens read and tokens written."""

    input_tokens: int
    output_tokens: int


NOTHING = Usage(0, 0)


class StopReason(enum.StrEnum):
    """Why a model ended its answer."""

    END = "end"
    LENGTH = "length"
    FILTERED = "filtered"


class TextDelta(Struct, frozen=True, tag="text_delta"):
    """The next piece of the answer's text."""

    text: str


class Finish(Struct, frozen=True, tag="finish"):
    """The last event of every answer that ended well."""

    usage: Usage
    reason: StopReason


Event: TypeAlias = TextDelta | Finish


class Completion(Struct, frozen=True):
    """A whole answer; `model` is the name that was asked for, `served_by` the one that answered."""

    text: str
    usage: Usage
    reason: StopReason
    model: str = ""
    served_by: str = ""


class Embeddings(Struct, frozen=True):
    """One unit vector for each text, in their order, and the tokens of all texts together."""

    vectors: Sequence[Sequence[float]]
    input_tokens: int
    model: str = ""
    served_by: str = ""

    @property
    def usage(self) -> Usage:
        """Tokens read; none are written."""
        return Usage(self.input_tokens, 0)


def alternating(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The same turns with neighbours of one role joined, as most models refuse two turns of one role in a row."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role is message.role:
            joined[-1] = Message(message.role, (*joined[-1].content, *message.content))
        else:
            joined.append(message)
    return tuple(joined)


async def complete(events: AsyncIterator[Event]) -> Completion:
    """A stream folded into the whole answer. Adapters end a stream by Finish or raise, so an answer is never half."""
    pieces: list[str] = []
    end: Finish | None = None
    async for event in events:
        match event:
            case TextDelta():
                pieces.append(event.text)
            case Finish():
                end = event
    if end is None:
        raise RuntimeError("a provider ended a stream without Finish")
    return Completion("".join(pieces), end.usage, end.reason)
