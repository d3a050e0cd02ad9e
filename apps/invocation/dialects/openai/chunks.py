"""A streamed chat completion of OpenAI's dialect: the chunks that an answer's events become."""

from typing import Literal

from msgspec import Struct

from apps.invocation.dialects import sse
from apps.invocation.dialects.openai.answer_shapes import ChatLogprobs, ChatUsage
from apps.invocation.dialects.openai.chat import REASONS, block, identity, usage
from apps.invocation.dialects.openai.chat_shapes import ThinkingBlock
from apps.invocation.invocations import Event, Finish, TextDelta, Thinking, ThinkingDelta, ToolDelta, ToolStart


class FunctionDelta(Struct, frozen=True, omit_defaults=True):
    """The name of a function, then pieces of the JSON text of its arguments."""

    arguments: str
    name: str | None = None


class ToolCallDelta(Struct, frozen=True, omit_defaults=True):
    """A piece of the `index`-th tool call."""

    index: int
    function: FunctionDelta
    id: str | None = None
    type: Literal["function"] | None = None


class Delta(Struct, frozen=True, omit_defaults=True):
    """What a chunk adds to the answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: tuple[ThinkingBlock, ...] | None = None
    tool_calls: tuple[ToolCallDelta, ...] | None = None


class ChunkChoice(Struct, frozen=True):
    """The one choice of a chunk."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None
    finish_reason: str | None


class ChatChunk(Struct, frozen=True):
    """One chunk."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]


class CountedChunk(Struct, frozen=True):
    """One chunk of a stream that ends with its tokens."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: ChatUsage | None


class Chunks:
    """Writes the events of one answer. `counted`: a last chunk has the tokens (stream_options.include_usage)."""

    __slots__ = ("begun", "counted", "head", "thought", "thoughts")

    def __init__(self, invocation: str, created: int, model: str, counted: bool) -> None:
        self.head: tuple[str, Literal["chat.completion.chunk"], int, str]
        self.head = (identity(invocation), "chat.completion.chunk", created, model)
        self.counted = counted
        self.begun = False
        self.thought: list[str] = []
        self.thoughts = 0

    def write(self, event: Event) -> bytes:
        """The event as server-sent ones; before the first of them the chunk that says who speaks."""
        if self.begun:
            return self._written(event)
        self.begun = True
        return self._chunk(Delta("assistant", "")) + self._written(event)

    def _written(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._chunk(Delta(content=event.text), ChatLogprobs(event.logprobs) if event.logprobs else None)
            case ThinkingDelta():
                return self._thinking(event)
            case ToolStart():
                call = ToolCallDelta(event.index, FunctionDelta("", event.name), event.id, "function")
                return self._chunk(Delta(tool_calls=(call,)))
            case ToolDelta():
                return self._chunk(Delta(tool_calls=(ToolCallDelta(event.index, FunctionDelta(event.json)),)))
            case Finish():
                last = sse.data(CountedChunk(*self.head, (), usage(event.usage))) if self.counted else b""
                return self._chunk(Delta(), None, REASONS[event.reason]) + last + sse.DONE

    def _thinking(self, event: ThinkingDelta) -> bytes:
        """A thought's text as it comes; the whole thought once more when its signature does, for both are given back."""
        self.thought.append(event.text)
        text = self._chunk(Delta(reasoning_content=event.text)) if event.text else b""
        if not event.signature and not event.redacted:
            return text
        whole = block(Thinking("".join(self.thought), event.signature, event.redacted), self.thoughts)
        self.thought, self.thoughts = [], self.thoughts + 1
        return text + self._chunk(Delta(thinking_blocks=(whole,)))

    def _chunk(self, delta: Delta, logprobs: ChatLogprobs | None = None, reason: str | None = None) -> bytes:
        choices = (ChunkChoice(0, delta, logprobs, reason),)
        return sse.data(CountedChunk(*self.head, choices, None) if self.counted else ChatChunk(*self.head, choices))
