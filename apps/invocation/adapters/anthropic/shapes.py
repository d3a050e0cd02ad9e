"""Anthropic's answers: a whole message, or the events of one (platform.claude.com/docs/en/build-with-claude/streaming)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from apps.invocation.adapters.anthropic.asking import ANSWER, wants_any_json
from apps.invocation.adapters.counts import count, estimated
from apps.invocation.folding import Answer
from apps.invocation.invocations import (
    Completion,
    Event,
    Finish,
    Request,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)
from apps.invocation.lengths import characters
from foundation.errors import UpstreamFailed

REASONS: Final[Mapping[str, StopReason]] = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP,
    "tool_use": StopReason.TOOLS,
    "refusal": StopReason.FILTERED,
}


# Tokens as Anthropic counts them, by where it says them. input_tokens are neither read from the cache nor put there.
COUNTS: Final[Mapping[str, Sequence[str]]] = {
    "read": ("input_tokens",),
    "put": ("cache_creation_input_tokens",),
    "cached": ("cache_read_input_tokens",),
    "written": ("output_tokens",),
    "thought": ("output_tokens_details", "thinking_tokens"),
}


class Block(Struct, frozen=True):
    """A block of any type, or its beginning."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class Said(Struct, frozen=True):
    """A whole message, or an error in its place. usage: as it is said, for `counts.count`."""

    type: str
    content: list[Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Any = None
    error: Any = None


class Delta(Struct, frozen=True):
    """More of a block, or of the message."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Told(Said, frozen=True):
    """An event of a stream, of any type; also a whole message, from a server that does not stream."""

    index: int = 0
    message: Said | None = None
    content_block: Block | None = None
    delta: Delta | None = None


class TokenCount(Struct, frozen=True):
    """The answer of /v1/messages/count_tokens."""

    input_tokens: Any = None


MESSAGE: Final = msgspec.json.Decoder(Said)
EVENT: Final = msgspec.json.Decoder(Told)
COUNT: Final = msgspec.json.Decoder(TokenCount)
Shape = TypeVar("Shape", Said, Told, TokenCount)


def read(decoder: msgspec.json.Decoder[Shape], text: bytes) -> Shape:
    """A JSON text as its shape; UpstreamFailed when it cannot be read."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as odd:
        raise UpstreamFailed(f"the model server's answer cannot be read: {odd}") from odd


class Reading:
    """One answer as it is read, event by event or whole. `ended`: its last event has come."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.as_tool = wants_any_json(request)
        self.tools: dict[int, int | None] = {}  # by the number of the block; None: its input is the answer's text
        self.asked = 0
        self.signature = ""
        self.counts: dict[str, int] = {}
        self.reason: str | None = None
        self.stop: str | None = None
        self.written = 0
        self.ended = False

    def events(self, told: Told) -> Iterator[Event]:
        """What an event says."""
        match told.type:
            case "content_block_delta" if told.delta is not None:
                yield from self._more(told.index, told.delta)
            case "content_block_start" if told.content_block is not None:
                yield from self._begun(told.index, told.content_block)
            case "content_block_stop":
                yield from self._signed()
            case "message_start" if told.message is not None:
                self._count(told.message.usage)
            case "message_delta" if told.delta is not None:
                self.reason, self.stop = told.delta.stop_reason or self.reason, told.delta.stop_sequence or self.stop
                self._count(told.usage)
            case "message_stop":
                self.ended = True
            case "message":
                yield from self.whole(told)

    def whole(self, said: Said) -> Iterator[Event]:
        """What a whole message says."""
        for index, block in enumerate(said.content):
            yield from self._begun(index, block)
            if block.type == "tool_use":
                yield from self._input(index, bytes(block.input).decode())
            yield from self._signed()
        self._count(said.usage)
        self.reason, self.stop, self.ended = said.stop_reason, said.stop_sequence, True

    def _begun(self, index: int, block: Block) -> Iterator[Event]:
        """A block, with what it begins with. Types that nobody asked for say nothing."""
        match block.type:
            case "tool_use" if self.as_tool and block.name == ANSWER:
                self.tools[index] = None
            case "tool_use":
                self.tools[index], self.asked = self.asked, self.asked + 1
                yield ToolStart(self.asked - 1, block.id, block.name)
            case "redacted_thinking":
                yield ThinkingDelta("", redacted=block.data)
            case "text" | "thinking":
                yield from self._more(index, Delta("", block.text, block.thinking, block.signature))

    def _more(self, index: int, delta: Delta) -> Iterator[Event]:
        if delta.text:
            self.written += len(delta.text)
            yield TextDelta(delta.text)
        if delta.thinking:
            self.written += len(delta.thinking)
            yield ThinkingDelta(delta.thinking)
        self.signature += delta.signature
        if delta.partial_json:
            yield from self._input(index, delta.partial_json)

    def _input(self, index: int, json: str) -> Iterator[Event]:
        """A piece of a tool's input."""
        if index not in self.tools:
            raise UpstreamFailed("the model server gave the input of a tool that it had not named")
        self.written += len(json)
        place = self.tools[index]
        yield TextDelta(json) if place is None else ToolDelta(place, json)

    def _signed(self) -> Iterator[Event]:
        """The end of a block: of thoughts, their signature."""
        if self.signature:
            yield ThinkingDelta("", self.signature)
            self.signature = ""

    def _count(self, usage: Any) -> None:
        """Counts are those so far: a later one takes the earlier one's place."""
        for name, path in COUNTS.items():
            tokens = count(usage, *path)
            if tokens is not None:
                self.counts[name] = tokens

    def finish(self) -> Finish:
        """The end of the answer; UpstreamFailed when it has not come."""
        if not self.ended or self.reason is None:
            raise UpstreamFailed("the model server's answer ended before its end")
        reason = REASONS.get(self.reason, StopReason.END)
        if reason is StopReason.TOOLS and not self.asked:
            reason = StopReason.END  # the tool was the answer
        return Finish(self.usage, reason, self.stop if reason is StopReason.STOP else None)

    @property
    def usage(self) -> Usage:
        """As counted; what the server has not counted is a token for each 4 characters."""
        counts = self.counts
        put, cached = counts.get("put", 0), counts.get("cached", 0)
        read = counts["read"] + put + cached if "read" in counts else estimated(characters(self.request))
        written = counts["written"] if "written" in counts else estimated(self.written)
        guessed = not counts.keys() >= {"read", "written"}
        return Usage(max(read, put + cached), written, cached, put, counts.get("thought", 0), guessed)


def completion(request: Request, said: Said) -> Completion:
    """A whole answer; UpstreamFailed when it is none."""
    if said.type != "message":
        raise UpstreamFailed(f"the model server answered with {said.type[:50]!r}, not with a message")
    reading, answer = Reading(request), Answer()
    for event in reading.whole(said):
        answer.add(event)
    answer.add(reading.finish())
    return answer.completion()
