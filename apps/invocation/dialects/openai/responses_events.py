"""A streamed answer of OpenAI's Responses API: the named events that an answer's events become.

Their order: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from apps.invocation.dialects import sse
from apps.invocation.dialects.openai.responses import INCOMPLETE, ended
from apps.invocation.dialects.openai.responses_items import name, reasoning
from apps.invocation.dialects.openai.responses_shapes import (
    FunctionCallItem,
    MessageItem,
    OutputItem,
    OutputText,
    ReasoningItem,
    ReasoningText,
    ResponseObject,
    ResponseProblem,
    Status,
)
from apps.invocation.invocations import Event, Finish, TextDelta, Thinking, ThinkingDelta, ToolDelta, ToolStart
from foundation.errors import Problem, TooMany


class Progress(Struct, frozen=True):
    """An event about the whole answer."""

    type: str
    sequence_number: int
    response: ResponseObject


class ItemEvent(Struct, frozen=True):
    """An item begins or ends."""

    type: str
    sequence_number: int
    output_index: int
    item: OutputItem


class PieceEvent(Struct, frozen=True):
    """What happens inside an item; which members there are, its type says."""

    type: str
    sequence_number: int
    output_index: int
    item_id: str
    content_index: int | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET
    part: OutputText | ReasoningText | UnsetType = UNSET
    logprobs: tuple[Mapping[str, Any], ...] | UnsetType = UNSET


class ResponseEvents:
    """Writes the events of one answer. A text or a thought ends when something else begins; functions end with the answer."""

    def __init__(self, beginning: ResponseObject) -> None:
        self.beginning = beginning
        self.number = 0
        self.items: list[OutputItem] = []
        self.place: int | None = None  # of the text or the thought that is under way, and what it says so far
        self.pieces: list[str] = []
        self.likely: list[Mapping[str, Any]] = []
        self.functions: dict[int, tuple[int, list[str]]] = {}

    def write(self, event: Event) -> bytes:
        """The event as named ones; before the first of them those that say that the answer has begun."""
        begun = (
            b"" if self.number else self._progress("created", self.beginning) + self._progress("in_progress", self.beginning)
        )
        return begun + b"".join(self._written(event))

    def failure(self, problem: Problem) -> bytes:
        """The last event of a stream that failed after it began."""
        code = "server_error" if problem.status >= 500 else "invalid_prompt"
        error = ResponseProblem("rate_limit_exceeded" if isinstance(problem, TooMany) else code, problem.detail)
        return self._progress("failed", replace(self.beginning, status="failed", error=error))

    def _written(self, event: Event) -> Iterator[bytes]:
        match event:
            case TextDelta():
                yield from self._continued(MessageItem, "msg", OutputText(""))
                self.pieces.append(event.text)
                self.likely += event.logprobs
                yield self._piece("output_text.delta", content_index=0, delta=event.text, logprobs=event.logprobs)
            case ThinkingDelta(redacted=""):
                yield from self._continued(ReasoningItem, "rs", ReasoningText(""))
                self.pieces.append(event.text)
                yield self._piece("reasoning_text.delta", content_index=0, delta=event.text) if event.text else b""
                yield from self._closed("completed", event.signature) if event.signature else ()
            case ThinkingDelta():
                yield from self._closed("completed")
                thought = reasoning(self._name("rs"), "completed", Thinking("", redacted=event.redacted))
                yield self._added(thought) + self._done(len(self.items) - 1, thought)
            case ToolStart():
                yield from self._closed("completed")
                self.functions[event.index] = (len(self.items), [])
                yield self._added(FunctionCallItem(self._name("fc"), "in_progress", event.id, event.name))
            case ToolDelta():
                place, pieces = self.functions[event.index]
                pieces.append(event.json)
                yield self._piece("function_call_arguments.delta", place, delta=event.json)
            case Finish():
                yield from self._finished(event)

    def _continued(
        self, kind: type[MessageItem] | type[ReasoningItem], prefix: str, part: OutputText | ReasoningText
    ) -> Iterator[bytes]:
        """What has to be said before more of a text or of a thought: nothing, where one is under way."""
        if self.place is not None and type(self.items[self.place]) is kind:
            return
        yield from self._closed("completed")
        self.place = len(self.items)
        yield self._added(kind(self._name(prefix), "in_progress"))
        yield self._piece("content_part.added", content_index=0, part=part)

    def _closed(self, status: Status, signature: str = "") -> Iterator[bytes]:
        """The end of the text or of the thought that is under way."""
        if self.place is None:
            return
        text, open_item, likely = "".join(self.pieces), self.items[self.place], tuple(self.likely)
        part: OutputText | ReasoningText
        if isinstance(open_item, MessageItem):
            part = OutputText(text, logprobs=likely)
            item: OutputItem = MessageItem(open_item.id, status, (part,))
            yield self._piece("output_text.done", content_index=0, text=text, logprobs=likely)
        else:
            part = ReasoningText(text)
            item = reasoning(open_item.id, status, Thinking(text, signature))
            yield self._piece("reasoning_text.done", content_index=0, text=text)
        yield self._piece("content_part.done", content_index=0, part=part)
        yield self._done(self.place, item)
        self.place, self.pieces, self.likely = None, [], []

    def _finished(self, end: Finish) -> Iterator[bytes]:
        """The ends of all that is under way, and of the answer."""
        incomplete = end.reason in INCOMPLETE
        status: Status = "incomplete" if incomplete else "completed"
        yield from self._closed(status)
        for place, pieces in self.functions.values():
            arguments, asked = "".join(pieces) or "{}", self.items[place]
            yield self._piece("function_call_arguments.done", place, arguments=arguments)
            how = status if place == len(self.items) - 1 else "completed"
            yield self._done(place, replace(asked, status=how, arguments=arguments))
        yield self._progress("incomplete" if incomplete else "completed", ended(self.beginning, end, self.items))

    def _name(self, prefix: str) -> str:
        return name(prefix, self.beginning.id, len(self.items))

    def _next(self) -> int:
        self.number += 1
        return self.number - 1

    def _progress(self, what: str, response: ResponseObject) -> bytes:
        kind = f"response.{what}"
        return sse.named(kind, Progress(kind, self._next(), response))

    def _added(self, item: OutputItem) -> bytes:
        self.items.append(item)
        kind = "response.output_item.added"
        return sse.named(kind, ItemEvent(kind, self._next(), len(self.items) - 1, item))

    def _done(self, place: int, item: OutputItem) -> bytes:
        self.items[place] = item
        kind = "response.output_item.done"
        return sse.named(kind, ItemEvent(kind, self._next(), place, item))

    def _piece(self, what: str, place: int | None = None, **members: Any) -> bytes:
        kind = f"response.{what}"
        where = self.place if place is None else place
        assert where is not None
        return sse.named(kind, PieceEvent(kind, self._next(), where, self.items[where].id, **members))
