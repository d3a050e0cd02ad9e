"""About how much there is to read, in characters of text: good enough for limits and estimates, and quick."""

from typing import Final

from apps.invocation.invocations import Document, Part, Request, Text, Thinking, ToolResult, ToolUse

BINARY: Final = 4000  # what a picture, or a document that is no text, is worth


def characters(request: Request) -> int:
    """All text of a request, and what is worth some."""
    parts = [part for message in request.messages for part in message.content]
    tools = sum(len(tool.name) + len(tool.description) + len(str(tool.schema)) for tool in request.tools)
    form = len(str(request.output.schema)) + len(request.output.description) if request.output is not None else 0
    return sum(map(length, (*request.system, *parts))) + tools + form


def length(part: Part) -> int:
    """What a part is worth."""
    match part:
        case Text():
            return len(part.text)
        case Thinking():
            return len(part.text) + len(part.redacted)
        case ToolUse():
            return len(part.name) + len(part.input)
        case ToolResult():
            return sum(map(length, part.content))
        case Document() if part.is_text:
            return len(part.base64) * 3 // 4
    return BINARY
