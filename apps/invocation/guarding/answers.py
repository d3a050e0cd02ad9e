"""What comes from a model: its text, its thoughts, and what it wants of tools, whole or as it comes."""

from collections.abc import Iterator

from msgspec.structs import replace

from apps.applications.records import Guard
from apps.invocation.guarding.screens import SIZE, Findings, Screen
from apps.invocation.guarding.windows import Window
from apps.invocation.invocations import (
    Completion,
    Event,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolUse,
)
from foundation.errors import Blocked

TEXT, THINKING, TOOL = "the answer's text", "the answer's thoughts", "the answer's input for a tool"


def bounded(guard: Guard, findings: Findings, count: int) -> None:
    """Blocked, and found, when an answer is longer than the guard allows."""
    most = guard.output_characters
    if most is not None and count > most:
        findings.blocked(SIZE, "the answer")
        raise Blocked(f"the guard of this application lets {most} characters out, and the answer is longer")


def screened(screen: Screen, findings: Findings, answer: Completion) -> Completion:
    """A whole answer with masks where something is masked; Blocked names what is blocked."""
    content = tuple(part(screen, findings, each) for each in answer.content)
    return answer if content == answer.content else replace(answer, content=content, logprobs=())


def part(screen: Screen, findings: Findings, given: Text | Thinking | ToolUse) -> Text | Thinking | ToolUse:
    """One part. A thought with a mask in it loses its signature, which would no longer be true."""
    match given:
        case Text():
            return replace(given, text=Window(screen, findings, TEXT).whole(given.text))
        case Thinking():
            window = Window(screen, findings, THINKING)
            text = window.whole(given.text)
            return replace(given, text=text, signature="") if window.changed else given
        case ToolUse():
            return replace(given, input=Window(screen, findings, TOOL, json=True).whole(given.input))


def weight(event: Event) -> int:
    """The characters that an event brings."""
    match event:
        case TextDelta() | ThinkingDelta():
            return len(event.text)
        case ToolDelta():
            return len(event.json)
    return 0


class Sieve:
    """A stream's events, one after the other. Text and thoughts take turns; of tools, each has a window of its own."""

    def __init__(self, guard: Guard, screen: Screen, findings: Findings) -> None:
        self.guard, self.screen, self.findings = guard, screen, findings
        self.spoken: Window | None = None
        self.tools: dict[int, Window] = {}
        self.rewritten = False  # a thought; later ones may be put together with it, so none has a signature any more
        self.count = 0

    def passing(self, event: Event) -> list[Event]:
        """What goes on now that this event has come."""
        return list(self.passed(event))

    def passed(self, event: Event) -> Iterator[Event]:
        """What goes on now that this event has come."""
        match event:
            case TextDelta():
                yield from self._turn(TEXT)
                if text := self._spoken(event.text):
                    yield TextDelta(text)
            case ThinkingDelta(redacted=""):
                yield from self._turn(THINKING)
                yield from self._thought(event)
            case ToolDelta():
                yield from self._tool(event)
            case _:
                yield from self._turn("")
                yield from self._rest_of_tools()
                yield event

    def _turn(self, place: str) -> Iterator[Event]:
        """End what was spoken before, when something else is now."""
        window = self.spoken
        if window is not None and window.place == place:
            return
        if window is not None and (text := window.feed("", last=True)):
            yield TextDelta(text) if window.place == TEXT else ThinkingDelta(text)
        self.spoken = Window(self.screen, self.findings, place) if place else None

    def _spoken(self, text: str, *, last: bool = False) -> str:
        return self.spoken.feed(self._counted(text), last=last) if self.spoken is not None else ""

    def _thought(self, event: ThinkingDelta) -> Iterator[Event]:
        text = self._spoken(event.text, last=bool(event.signature))
        self.rewritten = self.rewritten or (self.spoken is not None and self.spoken.changed)
        signature = "" if self.rewritten else event.signature
        if text or signature:
            yield ThinkingDelta(text, signature)
        if event.signature:
            self.spoken = None

    def _tool(self, event: ToolDelta) -> Iterator[Event]:
        window = self.tools.get(event.index)
        if window is None:
            window = self.tools[event.index] = Window(self.screen, self.findings, TOOL, json=True)
        if text := window.feed(self._counted(event.json)):
            yield ToolDelta(event.index, text)

    def _rest_of_tools(self) -> Iterator[Event]:
        for index, window in self.tools.items():
            if text := window.feed("", last=True):
                yield ToolDelta(index, text)

    def _counted(self, text: str) -> str:
        self.count += len(text)
        bounded(self.guard, self.findings, self.count)
        return text
