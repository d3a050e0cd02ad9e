"""Bedrock's answers: the body of Converse, and the events of ConverseStream."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from apps.invocation.adapters.bedrock.shapes import (
    BlockDelta,
    BlockStart,
    ContentBlock,
    ConverseAnswer,
    Counted,
    MessageStop,
    Metadata,
    ReasoningText,
)
from apps.invocation.adapters.counts import count, estimated, told
from apps.invocation.invocations import (
    Completion,
    Event,
    Finish,
    Request,
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
from apps.invocation.lengths import characters, length
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

ANSWER: Final = msgspec.json.Decoder(ConverseAnswer)
DELTA: Final = msgspec.json.Decoder(BlockDelta)
SHAPES: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    "contentBlockStart": msgspec.json.Decoder(BlockStart),
    "messageStop": msgspec.json.Decoder(MessageStop),
    "metadata": msgspec.json.Decoder(Metadata),
}


def completion(body: bytes, request: Request, tool: str = "") -> Completion:
    """A whole answer to the request; the input of the tool of this name is its text. UpstreamFailed when it cannot be read."""
    try:
        answer = ANSWER.decode(body)
        content = tuple(parts(answer.output.message.content, tool))
    except (msgspec.MsgspecError, ValueError, RecursionError) as odd:
        raise UpstreamFailed(f"Bedrock's answer cannot be read: {odd}") from odd
    asks = any(isinstance(part, ToolUse) for part in content)
    ended, stop = reason(answer.stop_reason, asks, tool), stopped(answer.additional_model_response_fields)
    return Completion(content, spent(answer.usage, request, sum(map(length, content))), ended, stop)


def spent(said: Any, request: Request, written: int) -> Usage:
    """The tokens as Bedrock says them, whose inputTokens neither came from the cache nor were put there; what it does not say
    is a token for each 4 characters, of which so many were written."""
    plain, answer = count(said, "inputTokens"), count(said, "outputTokens")
    cached, put = count(said, "cacheReadInputTokens") or 0, count(said, "cacheWriteInputTokens") or 0
    read = max(estimated(characters(request)), cached + put) if plain is None else plain + cached + put
    return Usage(read, told(answer, written), cached, put, estimated=plain is None or answer is None)


def counted(body: bytes) -> int | None:
    """The tokens that CountTokens counted."""
    return count(msgspec.json.decode(body, type=Counted).input_tokens)


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

    def __init__(self, request: Request, tool: str = "") -> None:
        self.request, self.tool = request, tool
        self.tools: dict[int, int] = {}
        self.held: list[str] = []
        self.answered = False
        self.stop: MessageStop | None = None
        self.metadata: Metadata | None = None
        self.written = 0

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
            self.written += len(delta.text)
            if not self.tool:
                return TextDelta(delta.text)
            self.held.append(delta.text)
        elif delta.tool_use is not None and delta.tool_use.input:
            index = self.tools.get(event.content_block_index)
            self.answered = self.answered or index is None
            self.written += len(delta.tool_use.input)
            return TextDelta(delta.tool_use.input) if index is None else ToolDelta(index, delta.tool_use.input)
        elif (thought := delta.reasoning_content) is not None:
            self.written += len(thought.text)
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
                self.metadata = event
        return None

    def end(self) -> Iterator[Event]:
        """The last events, Finish the very last; UpstreamFailed when they have not come: without messageStop and metadata an
        answer is half."""
        if self.stop is None or self.metadata is None:
            raise UpstreamFailed("Bedrock broke off its answer before its end")
        if self.held and not self.answered:
            yield TextDelta("".join(self.held))
        stop = stopped(self.stop.additional_model_response_fields)
        usage = spent(self.metadata.usage, self.request, self.written)
        yield Finish(usage, reason(self.stop.stop_reason, bool(self.tools), self.tool), stop)


async def events(frames: AsyncIterator[tuple[str, bytes]], request: Request, tool: str = "") -> AsyncIterator[Event]:
    """The events of an answer to the request, Finish the last one. UpstreamFailed when it ends before its end."""
    reader = Reader(request, tool)
    async for kind, payload in frames:
        event = reader.read(kind, payload)
        if event is not None:
            yield event
    for event in reader.end():
        yield event
