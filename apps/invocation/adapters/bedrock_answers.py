"""Bedrock's answers: the body of Converse, and the events of ConverseStream."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

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
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOLS,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP,
    "guardrail_intervened": StopReason.FILTERED,
    "content_filtered": StopReason.FILTERED,
}
NOTHING_THOUGHT: Final = ThinkingDelta("")
MALFORMED: Final = frozenset({"malformed_model_output", "malformed_tool_use"})


class TokenUsage(Struct, frozen=True, rename="camel"):
    """Tokens as Bedrock counts them: inputTokens are those that neither came from the cache nor were put there."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    @property
    def usage(self) -> Usage:
        """The same as all tokens read, and which of them the cache had or got."""
        cached, written = self.cache_read_input_tokens or 0, self.cache_write_input_tokens or 0
        return Usage(self.input_tokens + cached + written, self.output_tokens, cached, written)


class Counted(Struct, frozen=True, rename="camel"):
    """The answer of CountTokens."""

    input_tokens: int


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
    """The body of a good answer."""

    output: Output
    stop_reason: str
    usage: TokenUsage
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

    usage: TokenUsage


ANSWER: Final = msgspec.json.Decoder(ConverseAnswer)
DELTA: Final = msgspec.json.Decoder(BlockDelta)
SHAPES: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    "contentBlockStart": msgspec.json.Decoder(BlockStart),
    "messageStop": msgspec.json.Decoder(MessageStop),
    "metadata": msgspec.json.Decoder(Metadata),
}


def completion(body: bytes, tool: str = "") -> Completion:
    """A whole answer; the input of the tool of this name is its text. UpstreamFailed when it cannot be read."""
    try:
        answer = ANSWER.decode(body)
        content = tuple(parts(answer.output.message.content, tool))
    except (msgspec.MsgspecError, ValueError, RecursionError) as odd:
        raise UpstreamFailed(f"Bedrock's answer cannot be read: {odd}") from odd
    asks = any(isinstance(part, ToolUse) for part in content)
    return Completion(
        content, answer.usage.usage, reason(answer.stop_reason, asks, tool), stopped(answer.additional_model_response_fields)
    )


def counted(body: bytes) -> int:
    """The tokens that CountTokens counted."""
    return msgspec.json.decode(body, type=Counted).input_tokens


def parts(blocks: Sequence[ContentBlock], tool: str) -> Iterator[Text | Thinking | ToolUse]:
    """What an answer's blocks are. Text beside an answer that is a tool's input is no part of it, and left out."""
    answers = tool and any(block.tool_use is not None and block.tool_use.name == tool for block in blocks)
    for block in blocks:
        if block.text and not answers:
            yield Text(block.text)
        elif block.tool_use is not None:
            given = bytes(block.tool_use.input).decode()
            is_answer = answers and block.tool_use.name == tool
            yield Text(given) if is_answer else ToolUse(block.tool_use.tool_use_id, block.tool_use.name, given)
        elif block.citations_content is not None:
            yield Text("".join(each.text or "" for each in block.citations_content.content))
        elif (thought := block.reasoning_content) is not None:
            text = thought.reasoning_text or ReasoningText()
            yield Thinking(text.text, text.signature or "", unwrapped(thought.redacted_content))


def unwrapped(redacted: bytes) -> str:
    """A thought that only its provider can read, as Anthropic itself has it: Bedrock has the bytes of that."""
    return redacted.decode("latin-1")


def reason(said: str, asks: bool, tool: str) -> StopReason:
    """Why an answer ended. One that was given by a tool's input is whole. UpstreamFailed for one that came out broken."""
    if said in MALFORMED:
        raise UpstreamFailed(f"the model's answer came out broken: {said}")
    found = REASONS.get(said, StopReason.END)
    return StopReason.END if found is StopReason.TOOLS and tool and not asks else found


def stopped(fields: Any) -> str | None:
    """The stop sequence that ended the answer, where the model says it."""
    found = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None


class Reader:
    """Reads the events of one stream. Where a tool's input is the answer, text is held back until it is known that there is
    no such answer: what a model says before it uses the tool is no part of it."""

    def __init__(self, tool: str = "") -> None:
        self.tool = tool
        self.tools: dict[int, int] = {}
        self.held: list[str] = []
        self.answered = False
        self.stop: MessageStop | None = None
        self.usage: Usage | None = None

    def read(self, kind: str, payload: bytes) -> Event | None:
        """The event that one of Bedrock's is, if it is any; UpstreamFailed when it cannot be read."""
        try:
            if kind == "contentBlockDelta":
                return self._delta(DELTA.decode(payload))
            shape = SHAPES.get(kind)
            return None if shape is None else self._other(shape.decode(payload))
        except (msgspec.MsgspecError, ValueError, RecursionError) as odd:
            raise UpstreamFailed(f"Bedrock's event {kind} cannot be read: {odd}") from odd

    def _delta(self, event: BlockDelta) -> Event | None:
        delta = event.delta
        if delta.text:
            if not self.tool:
                return TextDelta(delta.text)
            self.held.append(delta.text)
        elif delta.tool_use is not None and delta.tool_use.input:
            index = self.tools.get(event.content_block_index)
            self.answered = self.answered or index is None
            return TextDelta(delta.tool_use.input) if index is None else ToolDelta(index, delta.tool_use.input)
        elif (thought := delta.reasoning_content) is not None:
            found = ThinkingDelta(thought.text, thought.signature, unwrapped(thought.redacted_content))
            return found if found != NOTHING_THOUGHT else None
        return None

    def _other(self, event: BlockStart | MessageStop | Metadata) -> Event | None:
        match event:
            case BlockStart() if event.start.tool_use is not None and event.start.tool_use.name != self.tool:
                index = self.tools[event.content_block_index] = len(self.tools)
                return ToolStart(index, event.start.tool_use.tool_use_id, event.start.tool_use.name)
            case MessageStop():
                self.stop = event
            case Metadata():
                self.usage = event.usage.usage
        return None

    def end(self) -> Iterator[Event]:
        """The last events, Finish the very last; UpstreamFailed when they have not come: without messageStop and metadata an
        answer is half."""
        if self.stop is None or self.usage is None:
            raise UpstreamFailed("Bedrock broke off its answer before its end")
        if self.held and not self.answered:
            yield TextDelta("".join(self.held))
        stop = stopped(self.stop.additional_model_response_fields)
        yield Finish(self.usage, reason(self.stop.stop_reason, bool(self.tools), self.tool), stop)


async def events(frames: AsyncIterator[tuple[str, bytes]], tool: str = "") -> AsyncIterator[Event]:
    """The events of an answer, Finish the last one. UpstreamFailed when it ends before its end."""
    reader = Reader(tool)
    async for kind, payload in frames:
        event = reader.read(kind, payload)
        if event is not None:
            yield event
    for event in reader.end():
        yield event
