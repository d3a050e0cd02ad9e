"""What goes to a model: its system prompt, every turn, documents with their names, tools and their results, schemas.

What cannot carry a mask is blocked where a mask would be needed: a PDF, a thought that its provider signed, names and stop
sequences, by which programs and providers tell things. A document that cannot be read cannot be checked, and is blocked where
anything is masked or blocked.
"""

import base64
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from apps.applications.records import Guard
from apps.invocation.guarding import documents
from apps.invocation.guarding.screens import SIZE, Findings, Screen, screen, unmasked
from apps.invocation.guarding.windows import Window
from apps.invocation.invocations import (
    Document,
    Message,
    OutputFormat,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    json_of,
)
from apps.invocation.lengths import characters
from foundation.errors import Blocked

LONG: Final = 20_000  # characters that are checked at once; of more, the event loop waits for none
UNREAD: Final = "unreadable_document"
P = TypeVar("P", bound=Part)


def bounded(guard: Guard, findings: Findings, request: Request) -> None:
    """Blocked, and found, when the request is longer than the guard allows."""
    most = guard.input_characters
    if most is not None and (count := characters(request)) > most:
        findings.blocked(SIZE, "the request")
        raise Blocked(f"the guard of this application lets {most} characters in, and the request has {count}; shorten it")


def screened(guard: Guard, findings: Findings, request: Request) -> Request:
    """The request with masks where something is masked. Blocked names the rule and the place of what is blocked."""
    return Requests(guard, findings).screened(request)


class Requests:
    """What is looked for in a request, and what was found in it."""

    def __init__(self, guard: Guard, findings: Findings) -> None:
        self.findings = findings
        self.masking: Screen = screen(guard)
        self.blocking: Screen = screen(unmasked(guard))

    def screened(self, request: Request) -> Request:
        """The request as it may go on."""
        self._fixed("\n".join(names(request)), "the names of tools and of the answer's form")
        self._fixed("\n".join(request.stop), "stop")
        system = tuple(self._part(each, f"system[{n}]") for n, each in enumerate(request.system))
        messages = tuple(self._message(each, f"messages[{n}]") for n, each in enumerate(request.messages))
        tools = tuple(self._tool(each, f"tools[{n}]") for n, each in enumerate(request.tools))
        output = self._output(request.output)
        if (system, messages, tools, output) == (request.system, request.messages, request.tools, request.output):
            return request
        return replace(request, system=system, messages=messages, tools=tools, output=output)

    def _message(self, given: Message, place: str) -> Message:
        content = tuple(self._part(each, f"{place}.content[{n}]") for n, each in enumerate(given.content))
        return given if content == given.content else Message(given.role, content)

    def _part(self, given: P, place: str) -> P:
        changed: Part = given
        match given:
            case Text():
                changed = replace(given, text=self._text(given.text, place))
            case Thinking() if given.signature:
                self._fixed(given.text, f"{place}, a signed thought, which cannot be masked")
            case Thinking():
                changed = replace(given, text=self._text(given.text, place))
            case ToolUse():
                changed = replace(given, input=self._json(given.input, place))
            case ToolResult():
                content = tuple(self._part(each, f"{place}.content[{n}]") for n, each in enumerate(given.content))
                changed = replace(given, content=content)
            case Document():
                changed = self._document(given, place)
        return given if changed == given else changed  # type: ignore[return-value]  # of the same type

    def _document(self, given: Document, place: str) -> Document:
        named = replace(given, name=self._text(given.name, f"{place}.name"))
        text = documents.text_of(given)
        if text is None:
            self.findings.add(UNREAD, self.blocking.strictest, place)
        elif documents.is_plain(given):
            masked = self._text(text, place)
            return named if masked == text else replace(named, base64=base64.b64encode(masked.encode()).decode())
        else:
            self._fixed(text, f"{place}, a PDF, which cannot be masked")
        return named

    def _tool(self, given: Tool, place: str) -> Tool:
        description = self._text(given.description, f"{place}.description")
        schema = json_of(given.schema)
        masked = self._json(schema, f"{place}.schema")
        if (description, masked) == (given.description, schema):
            return given
        return replace(given, description=description, schema=msgspec.json.decode(masked))

    def _output(self, given: OutputFormat | None) -> OutputFormat | None:
        if given is None or given.schema is None:
            return given
        description = self._text(given.description, "the description of the answer's schema")
        schema = json_of(given.schema)
        masked = self._json(schema, "the answer's schema")
        if (description, masked) == (given.description, schema):
            return given
        return replace(given, description=description, schema=msgspec.json.decode(masked))

    def _text(self, text: str, place: str) -> str:
        return Window(self.masking, self.findings, place).whole(text)

    def _json(self, text: str, place: str) -> str:
        return Window(self.masking, self.findings, place, json=True).whole(text)

    def _fixed(self, text: str, place: str) -> None:
        """A text that cannot carry a mask."""
        if text:
            Window(self.blocking, self.findings, place).whole(text)


def names(request: Request) -> Iterator[str]:
    """The names in a request that must stay as they are."""
    yield from (each.name for each in request.tools)
    yield from (part.name for message in request.messages for part in message.content if isinstance(part, ToolUse))
    if request.tool_choice is not None:
        yield request.tool_choice.name
    if request.output is not None:
        yield request.output.name


def is_long(request: Request) -> bool:
    """Whether checking this takes so long that it must not be done on an event loop."""
    parts = [part for message in request.messages for part in message.content]
    return characters(request) > LONG or any(isinstance(part, Document) and not documents.is_plain(part) for part in parts)
