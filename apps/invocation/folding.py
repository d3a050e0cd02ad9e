"""Pieces made whole: events into the answer (and an answer back into events), messages into the turns of a conversation."""

from base64 import b64decode
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from apps.invocation.invocations import (
    Completion,
    Document,
    Event,
    Finish,
    Message,
    Part,
    Request,
    Role,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolResult,
    ToolStart,
    ToolUse,
)
from foundation.errors import Invalid


class Answer:
    """Collects a stream's events into the whole answer; `written` is what came so far, also when the stream broke off."""

    __slots__ = ("finish", "logprobs", "open", "parts", "pieces", "tools", "written")

    def __init__(self) -> None:
        self.parts: list[Text | Thinking | ToolUse] = []
        self.pieces: list[str] = []
        self.logprobs: list[Mapping[str, Any]] = []
        self.open: Event | None = None
        self.finish: Finish | None = None
        self.tools: dict[int, tuple[ToolStart, list[str]]] = {}
        self.written = 0

    def add(self, event: Event) -> None:
        """One more event."""
        match event:
            case TextDelta():
                self._continue(event)
                self.pieces.append(event.text)
                self.logprobs += event.logprobs
                self.written += len(event.text)
            case Finish():
                self.finish = event
            case ThinkingDelta(redacted=""):
                self._continue(event)
                self.pieces.append(event.text)
                self.written += len(event.text)
                if event.signature:
                    self._close(event.signature)
            case ThinkingDelta():
                self._close()
                self.parts.append(Thinking("", redacted=event.redacted))
            case ToolStart():
                self.tools[event.index] = (event, [])
            case ToolDelta():
                self.tools[event.index][1].append(event.json)
                self.written += len(event.json)

    def _continue(self, event: TextDelta | ThinkingDelta) -> None:
        if self.open is not None and type(self.open) is not type(event):
            self._close()
        self.open = event

    def _close(self, signature: str = "") -> None:
        text = "".join(self.pieces)
        if isinstance(self.open, ThinkingDelta):
            self.parts.append(Thinking(text, signature))
        elif text:
            self.parts.append(Text(text))
        self.open = None
        self.pieces.clear()

    def completion(self) -> Completion:
        """The whole answer; RuntimeError without Finish, for then there is none."""
        if self.finish is None:
            raise RuntimeError("a provider ended a stream without Finish")
        self._close()
        asked = (ToolUse(start.id, start.name, "".join(pieces) or "{}") for _, (start, pieces) in sorted(self.tools.items()))
        end = self.finish
        return Completion((*self.parts, *asked), end.usage, end.reason, end.stop, tuple(self.logprobs))


async def complete(events: AsyncIterator[Event]) -> Completion:
    """A stream folded into the whole answer. Adapters end a stream by Finish or raise, so an answer is never half."""
    answer = Answer()
    async for event in events:
        answer.add(event)
    return answer.completion()


def events_of(completion: Completion) -> Iterable[Event]:
    """A whole answer as the events that it could have come in."""
    tools, logprobs = 0, completion.logprobs
    for part in completion.content:
        match part:
            case Text():
                yield TextDelta(part.text, logprobs)
                logprobs = ()
            case Thinking():
                yield ThinkingDelta(part.text, part.signature, part.redacted)
            case ToolUse():
                yield ToolStart(tools, part.id, part.name)
                yield ToolDelta(tools, part.input)
                tools += 1
    yield Finish(completion.usage, completion.reason, completion.stop)


def conversation(messages: Iterable[Message]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """What the application says before all others, and the turns; where nobody else speaks, it is the user's turn.

    Turns stay apart as they were given, but for the pieces of one: the results of tools, and the thoughts, words and tools of
    the model.
    """
    system: list[Text] = []
    turns: list[Message] = []
    for message in messages:
        if message.role is Role.SYSTEM and not (turns and message.content):
            system += texts(message)
        elif turns and are_one(turns[-1], message):
            turns[-1] = Message(message.role, (*turns[-1].content, *message.content))
        else:
            turns.append(message)
    if not turns and system:
        return (), (Message(Role.USER, tuple(system)),)
    return tuple(system), tuple(turns)


def places(turns: Iterable[tuple[Message, Iterable[str]]], before: Iterable[str] = ()) -> Mapping[str, str]:
    """Where the parts of a conversation stand in what its caller sent: their names there, by their places in a Request.

    turns: each as it is before it becomes one of a conversation, with the names of its parts; before: the names of what the
    application says before them all.
    """
    given = [(turn, tuple(names)) for turn, names in turns]
    named = {id(part): name for turn, names in given for part, name in zip(turn.content, names, strict=True)}
    system, messages = conversation(turn for turn, _ in given)
    first = (*before, *(named[id(part)] for part in system))
    found = {f"system[{n}]": name for n, name in enumerate(first)}
    for n, message in enumerate(messages):
        found |= {f"messages[{n}].content[{m}]": named[id(part)] for m, part in enumerate(message.content)}
    return found


def are_one(before: Message, after: Message) -> bool:
    """Whether two neighbours are pieces of one turn."""
    if before.role is not after.role:
        return False
    if before.role is Role.ASSISTANT:
        return any(isinstance(part, Thinking | ToolUse) for part in (*before.content, *after.content))
    return all(isinstance(part, ToolResult) for part in (*before.content, *after.content))


def system_first(request: Request) -> Request:
    """The same with all that the application says at its beginning, for models to which it says nothing later."""
    later = [part for message in request.messages if message.role is Role.SYSTEM for part in texts(message)]
    turns = tuple(message for message in request.messages if message.role is not Role.SYSTEM)
    return replace(request, system=(*request.system, *later), messages=turns)


def documents_as_text(request: Request) -> Request:
    """The same with what documents of plain text say, for models that read no documents. Invalid names one that is none."""
    turns = (replace(message, content=tuple(map(as_text, message.content))) for message in request.messages)
    return replace(request, messages=tuple(turns))


def as_text(part: Part) -> Part:
    """A document of plain text as its name and its text; another part as it is."""
    if not (isinstance(part, Document) and part.is_text):
        return part
    try:
        text = b64decode(part.base64).decode(errors="replace")
    except ValueError as broken:
        raise Invalid(f"the document {part.name[:100]} is not base64") from broken
    return Text(f"{part.name}:\n{text}", part.cache)


def texts(message: Message) -> Iterable[Text]:
    """The texts of a turn."""
    return (part for part in message.content if isinstance(part, Text))


def alternating(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The same turns with neighbours of one role joined, as most models refuse two turns of one role in a row."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role is message.role:
            joined[-1] = Message(message.role, (*joined[-1].content, *message.content))
        else:
            joined.append(message)
    return tuple(joined)
