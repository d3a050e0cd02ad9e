"""What is said to a model and by it, as an administrator may read it: only where the application's policy says for how many
days it is kept, and redacted: of personal data, secrets and its denied phrases, whatever its guard does with them."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, TypeAlias

from apps.invocation import guarding
from apps.invocation.calls import Call
from apps.invocation.folding import Answer
from apps.invocation.invocations import Completion, Embeddings, Part, Ranking, Request, Text, Thinking, ToolResult, ToolUse
from apps.usage.records import Content

Said: TypeAlias = Answer | Completion | Embeddings | Ranking | None
MOST: Final = 60_000  # characters of either side: what a record can hold in every store
CUT: Final = "\n[cut: {} more characters]"


async def kept(call: Call, answered: Said) -> Content:
    """What was said in a call, redacted, in a thread of its own: that takes long for a long text."""
    return await asyncio.to_thread(redacted, call, answered)


def redacted(call: Call, answered: Said) -> Content:
    """The same, here."""
    until = call.created + timedelta(days=call.policy.content_days)
    asked, said = (cut(guarding.masked(text, call.policy.guard.denied)) for text in (asked_of(call.request), text_of(answered)))
    return Content(call.caller.application, call.invocation, until, asked, said)


def cut(text: str) -> str:
    """The beginning of a text, with a note where there was more; half a surrogate pair, which no store takes, is marked."""
    stored = text[:MOST].encode(errors="replace").decode()
    return stored if len(text) <= MOST else stored + CUT.format(len(text) - MOST)


def asked_of(request: Request) -> str:
    """The system's words and every turn, each under its role."""
    turns = [("system", words(request.system)), *((turn.role.value, words(turn.content)) for turn in request.messages)]
    return "\n\n".join(f"{role}: {said}" for role, said in turns if said)


def text_of(answer: Said) -> str:
    """What was answered, where that is text; of one that broke off, the text that had come."""
    if isinstance(answer, Answer):
        return "".join((*(part.text for part in answer.parts if isinstance(part, Text)), *answer.pieces))
    return words(answer.content) if isinstance(answer, Completion) else ""


def words(parts: Iterable[Part]) -> str:
    """The text of parts, a line for each; what is no text is named."""
    return "\n".join(map(word, parts))


def word(part: Part) -> str:
    """The text of one part."""
    match part:
        case Text() | Thinking():
            return part.text
        case ToolUse():
            return f"[asks for {part.name}: {part.input}]"
        case ToolResult():
            return f"[result: {words(part.content)}]"
    return f"[{type(part).__name__.lower()} {part.media_type}]"
