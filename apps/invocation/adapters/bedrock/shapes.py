"""What Bedrock answers on the wire: what is read of the bodies of Converse and CountTokens, and of ConverseStream's events.

docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and API_runtime_ConverseStream.html, read 2026-11.
"""

from typing import Any

import msgspec
from msgspec import Struct


class Counted(Struct, frozen=True, rename="camel"):
    """The answer of CountTokens."""

    input_tokens: Any = None


class ReasoningText(Struct, frozen=True):
    """A thought with its signature."""

    text: str = ""
    signature: str | None = None


class ReasoningContent(Struct, frozen=True, rename="camel"):
    """A thought, or one that only the model can read."""

    reasoning_text: ReasoningText | None = None
    redacted_content: bytes = b""


class ToolUseBlock(Struct, frozen=True, rename="camel"):
    """A tool that is asked for."""

    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")


class TextBlock(Struct, frozen=True):
    """Text with sources, which are left aside."""

    text: str | None = None


class Citations(Struct, frozen=True):
    """Text that names its sources."""

    content: list[TextBlock] = []


class ContentBlock(Struct, frozen=True, rename="camel"):
    """One block of an answer: one of these."""

    text: str | None = None
    tool_use: ToolUseBlock | None = None
    reasoning_content: ReasoningContent | None = None
    citations_content: Citations | None = None


class AnswerMessage(Struct, frozen=True):
    """The turn of the model."""

    content: list[ContentBlock]


class Output(Struct, frozen=True):
    """What was made."""

    message: AnswerMessage


class ConverseAnswer(Struct, frozen=True, rename="camel"):
    """The body of a good answer. usage: as it is said, for `counts.count`."""

    output: Output
    stop_reason: str
    usage: Any = None
    additional_model_response_fields: Any = None


class ToolStarted(Struct, frozen=True, rename="camel"):
    """The beginning of a tool use."""

    tool_use_id: str
    name: str


class Start(Struct, frozen=True, rename="camel"):
    """What a block begins with; nothing for text."""

    tool_use: ToolStarted | None = None


class ToolInput(Struct, frozen=True):
    """A piece of the JSON text of a tool's input."""

    input: str = ""


class ReasoningDelta(Struct, frozen=True, rename="camel"):
    """A piece of a thought, its signature, or one that only the model can read."""

    text: str = ""
    signature: str = ""
    redacted_content: bytes = b""


class Delta(Struct, frozen=True, rename="camel"):
    """A piece of a block: one of these."""

    text: str | None = None
    tool_use: ToolInput | None = None
    reasoning_content: ReasoningDelta | None = None


class BlockStart(Struct, frozen=True, rename="camel"):
    """The event contentBlockStart."""

    content_block_index: int
    start: Start = Start()


class BlockDelta(Struct, frozen=True, rename="camel"):
    """The event contentBlockDelta."""

    content_block_index: int
    delta: Delta


class MessageStop(Struct, frozen=True, rename="camel"):
    """The event messageStop."""

    stop_reason: str
    additional_model_response_fields: Any = None


class Metadata(Struct, frozen=True):
    """The event metadata, the last one."""

    usage: Any = None
