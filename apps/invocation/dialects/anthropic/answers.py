"""Anthropic's Messages API, outwards: an answer as a message, or as the events of one.

The events and their order: https://platform.claude.com/docs/en/build-with-claude/streaming (as of 2026-11).
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from apps.invocation.dialects import sse
from apps.invocation.invocations import (
    Completion,
    Event,
    Finish,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    ToolUse,
    Usage,
)
from foundation.errors import UpstreamFailed

REASONS: Final = {
    StopReason.END: "end_turn",
    StopReason.LENGTH: "max_tokens",
    StopReason.STOP: "stop_sequence",
    StopReason.TOOLS: "tool_use",
    StopReason.FILTERED: "refusal",
}


class Piece(Struct, frozen=True, tag_field="type"):
    """A block of an answer."""


class TextPiece(Piece, frozen=True, tag="text"):
    """Text."""

    text: str
    citations: None = None


class ThinkingPiece(Piece, frozen=True, tag="thinking"):
    """What the model thought; to be sent back as it is."""

    thinking: str
    signature: str


class RedactedThinkingPiece(Piece, frozen=True, tag="redacted_thinking"):
    """The same, where only its provider can read it."""

    data: str


class ToolUsePiece(Piece, frozen=True, tag="tool_use"):
    """The model asks for a tool."""

    id: str
    name: str
    input: dict[str, Any] | Raw


class ThoughtTokens(Struct, frozen=True):
    """Of the tokens written, those that are thoughts."""

    thinking_tokens: int


class MessageUsage(Struct, frozen=True):
    """Tokens as Anthropic counts them: input_tokens are those that are neither read from the cache nor put there."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    output_tokens_details: ThoughtTokens | UnsetType = UNSET


class MessageAnswer(Struct, frozen=True, kw_only=True):
    """The answer; `model` is the name that was asked for, the header x-served-by says which one answered."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[TextPiece | ThinkingPiece | RedactedThinkingPiece | ToolUsePiece]
    stop_reason: str | None
    stop_sequence: str | None
    usage: MessageUsage


class TokenCount(Struct, frozen=True):
    """How many tokens the model would read."""

    input_tokens: int


def sayable(answer: Completion) -> None:
    """UpstreamFailed where the model asked for a tool with what is no JSON object."""
    for part in answer.content:
        if isinstance(part, ToolUse):
            tool_input(part, answer.reason)


def message(identifier: str, answer: Completion) -> MessageAnswer:
    """A whole answer on the wire. UpstreamFailed where the model asked for a tool with what is no JSON object."""
    return MessageAnswer(
        id=name(identifier),
        model=answer.model,
        content=[piece(part, answer.reason) for part in answer.content],
        stop_reason=reason(answer.reason, answer.stop),
        stop_sequence=answer.stop,
        usage=usage(answer.usage),
    )


def name(identifier: str) -> str:
    """The id of the message that a call made."""
    return f"msg_{identifier}"


def reason(ended: StopReason, stop: str | None) -> str:
    """Why it ended."""
    return "stop_sequence" if stop is not None and ended is StopReason.END else REASONS[ended]


def usage(spent: Usage) -> MessageUsage:
    """The tokens."""
    plain = spent.input_tokens - spent.cached_tokens - spent.cache_written_tokens
    thoughts = ThoughtTokens(spent.reasoning_tokens) if spent.reasoning_tokens else UNSET
    return MessageUsage(plain, spent.cache_written_tokens, spent.cached_tokens, spent.output_tokens, thoughts)


def piece(
    part: Text | Thinking | ToolUse, ended: StopReason
) -> TextPiece | ThinkingPiece | RedactedThinkingPiece | ToolUsePiece:
    """A part of the answer as a block."""
    match part:
        case Text():
            return TextPiece(part.text)
        case Thinking(redacted=""):
            return ThinkingPiece(part.text, part.signature)
        case Thinking():
            return RedactedThinkingPiece(part.redacted)
        case ToolUse():
            return ToolUsePiece(part.id, part.name, tool_input(part, ended))


def tool_input(part: ToolUse, ended: StopReason) -> dict[str, Any] | Raw:
    """The input of a tool. One that max_tokens cut off is empty, as the stop reason says; UpstreamFailed for another."""
    try:
        if isinstance(msgspec.json.decode(part.input), dict):
            return Raw(part.input.encode())
    except (msgspec.DecodeError, RecursionError):
        pass
    if ended is StopReason.LENGTH:
        return {}
    raise UpstreamFailed(f"the model asked for the tool {part.name[:100]} with what is no JSON object")


class MessageEvents:
    """Writes the events of one answer. Tokens are known at its end: message_start says about how many the prompt has, by
    `prompt`, and message_delta all of them."""

    def __init__(self, identifier: str, model: str, prompt: Callable[[], int]) -> None:
        self.identifier, self.model, self.prompt = name(identifier), model, prompt
        self.begun = False
        self.open: type[Event] | int | None = None  # the kind of the open block; of a tool, its place among the tools
        self.blocks = 0
        self.tools: dict[int, int] = {}

    def write(self, event: Event) -> bytes:
        """The events on the wire that an inner event is."""
        begin = b"" if self.begun else self.start()
        match event:
            case TextDelta():
                return begin + self.text(event)
            case ThinkingDelta():
                return begin + self.thought(event)
            case ToolStart():
                self.tools[event.index] = self.blocks
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                return begin + self.block(event.index, block)
            case ToolDelta():
                return begin + self.delta(self.tools[event.index], {"type": "input_json_delta", "partial_json": event.json})
            case Finish():
                return begin + self.end(event)

    def start(self) -> bytes:
        """The beginning of every message."""
        self.begun = True
        tokens = usage(Usage(self.prompt(), 0))
        empty = MessageAnswer(
            id=self.identifier, model=self.model, content=[], stop_reason=None, stop_sequence=None, usage=tokens
        )
        return sse.named("message_start", {"type": "message_start", "message": empty}) + PING

    def text(self, event: TextDelta) -> bytes:
        """A piece of text."""
        if not event.text:
            return b""
        begin = b"" if self.open is TextDelta else self.block(TextDelta, {"type": "text", "text": ""})
        return begin + TEXT % (self.blocks - 1, sse.ENCODER.encode(event.text))

    def thought(self, event: ThinkingDelta) -> bytes:
        """A piece of thought; its signature, or all of one that is encrypted, ends it."""
        if event.redacted:
            return self.block(ThinkingDelta, {"type": "redacted_thinking", "data": event.redacted}) + self.stop()
        if not (event.text or event.signature):
            return b""
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        written = b"" if self.open is ThinkingDelta else self.block(ThinkingDelta, empty)
        if event.text:
            written += self.delta(self.blocks - 1, {"type": "thinking_delta", "thinking": event.text})
        if event.signature:
            written += self.delta(self.blocks - 1, {"type": "signature_delta", "signature": event.signature}) + self.stop()
        return written

    def block(self, kind: type[Event] | int, block: Any) -> bytes:
        """The beginning of a block, after the end of the one before."""
        before = self.stop()
        self.open, self.blocks = kind, self.blocks + 1
        event = {"type": "content_block_start", "index": self.blocks - 1, "content_block": block}
        return before + sse.named("content_block_start", event)

    def delta(self, index: int, delta: Any) -> bytes:
        """More of a block."""
        return sse.named("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})

    def stop(self) -> bytes:
        """The end of the open block, if one is open."""
        if self.open is None:
            return b""
        self.open = None
        return sse.named("content_block_stop", {"type": "content_block_stop", "index": self.blocks - 1})

    def end(self, event: Finish) -> bytes:
        """The end of the message."""
        delta = {"stop_reason": reason(event.reason, event.stop), "stop_sequence": event.stop}
        last = {"type": "message_delta", "delta": delta, "usage": usage(event.usage)}
        return self.stop() + sse.named("message_delta", last) + STOP


PING: Final = sse.named("ping", {"type": "ping"})
STOP: Final = sse.named("message_stop", {"type": "message_stop"})
TEXT: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
)
