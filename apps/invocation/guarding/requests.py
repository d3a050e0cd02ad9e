"""What goes to a model: its system prompt, every turn, the results of tools, documents that are text."""

import base64
import binascii
from typing import Final

from msgspec.structs import replace

from apps.applications.records import Guard
from apps.invocation.guarding.screens import Findings, Screen
from apps.invocation.guarding.windows import Window
from apps.invocation.invocations import Document, Message, Part, Request, Text, Thinking, ToolResult, ToolUse
from foundation.errors import Blocked

TEXTS: Final = ("text/", "application/json", "application/xml")


def bounded(guard: Guard, request: Request) -> None:
    """Blocked when the request is longer than the guard allows."""
    most = guard.input_characters
    if most is not None and (count := request.characters) > most:
        raise Blocked(f"the guard of this application lets {most} characters in, and the request has {count}; shorten it")


def screened(screen: Screen, findings: Findings, request: Request) -> Request:
    """The request with masks where something is masked. Blocked names the rule and the place of what is blocked."""
    system = tuple(part(screen, findings, each, f"system[{n}]") for n, each in enumerate(request.system))
    messages = tuple(message(screen, findings, each, f"messages[{n}]") for n, each in enumerate(request.messages))
    return (
        request
        if (system, messages) == (request.system, request.messages)
        else replace(request, system=system, messages=messages)
    )


def message(screen: Screen, findings: Findings, given: Message, place: str) -> Message:
    """One turn."""
    content = tuple(part(screen, findings, each, f"{place}.content[{n}]") for n, each in enumerate(given.content))
    return given if content == given.content else Message(given.role, content)


def part(screen: Screen, findings: Findings, given: Part, place: str) -> Part:
    """One part. A thought that its provider signed is left as it is: it comes from there, and changed it would be refused."""
    window = Window(screen, findings, place, json=isinstance(given, ToolUse))
    match given:
        case Text():
            changed: Part = replace(given, text=window.whole(given.text))
        case Thinking() if not given.signature:
            changed = replace(given, text=window.whole(given.text))
        case ToolUse():
            changed = replace(given, input=window.whole(given.input))
        case ToolResult():
            content = tuple(part(screen, findings, each, f"{place}.content[{n}]") for n, each in enumerate(given.content))
            return given if content == given.content else replace(given, content=content)
        case Document() if (text := text_of(given)) is not None:
            changed = replace(given, base64=base64.b64encode(window.whole(text).encode()).decode())
        case _:
            return given
    return changed if window.changed else given


def text_of(document: Document) -> str | None:
    """The text of a document that is plain text; None for any other."""
    if not document.media_type.lower().startswith(TEXTS):
        return None
    try:
        return base64.b64decode(document.base64).decode(errors="replace")
    except binascii.Error:
        return None
