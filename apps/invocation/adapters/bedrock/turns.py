"""The turns of a conversation as Bedrock's Converse takes them: alternating, no block empty, tool results first."""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from apps.invocation.adapters.bedrock.families import Family
from apps.invocation.folding import alternating
from apps.invocation.invocations import (
    CacheLife,
    Document,
    Image,
    Message,
    Part,
    Request,
    Role,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from foundation.errors import Invalid

Block = dict[str, Any]

IMAGES: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
OFFICE: Final = "application/vnd.openxmlformats-officedocument"
DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    f"{OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
# A document's name, and a tool use's id: what is not among these is refused (DocumentBlock, ToolUseBlock).
NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9()\[\]-]+")
NOT_IN_AN_ID: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
LONGEST_NAME: Final = 200
LONGEST_ID: Final = 64
NOTHING_SAID: Final = "(nothing)"
ACKNOWLEDGED: Final = "OK."  # said by the assistant between results and other content that may not share a turn


class Turns:
    """Makes the turns of one request. `telling`: tool uses and results are told as text, for a request without tools:
    Bedrock refuses them there."""

    def __init__(self, request: Request, row: Family, telling: bool) -> None:
        self.row, self.telling = row, telling
        self.names: set[str] = set()
        self.messages = alternating(request.messages)

    def made(self) -> list[Block]:
        """The turns; Invalid when nothing is said in them."""
        turns: list[Block] = []
        for message in self.messages:
            for role, content in self._turn(message):
                if content and turns and turns[-1]["role"] == role:
                    turns[-1]["content"] += content
                elif content:
                    turns.append({"role": role, "content": content})
        if not turns:
            raise Invalid("every message is empty; at least one must say something")
        if turns[-1]["role"] == "assistant":
            trim(turns)
        return turns

    def _turn(self, message: Message) -> Iterator[tuple[str, list[Block]]]:
        """One message as one turn, or as three where tool results may not share one with what else it holds."""
        if message.role is Role.ASSISTANT:
            yield "assistant", self._blocks(message.content)
            return
        results = self._blocks(part for part in message.content if isinstance(part, ToolResult))
        rest = self._blocks(part for part in message.content if not isinstance(part, ToolResult))
        if any("document" in block for block in rest) and not any("text" in block for block in rest):
            rest.append({"text": next(block["document"]["name"] for block in rest if "document" in block)})
        kinds = {kind for block in rest for kind in block} - {"cachePoint"}
        yield "user", results
        if results and not self.telling and not kinds <= self.row.neighbours:
            yield "assistant", [{"text": ACKNOWLEDGED}]
        yield "user", rest

    def _blocks(self, parts: Iterable[Part]) -> list[Block]:
        """The blocks of parts, with the cache points that they end with."""
        blocks: list[Block] = []
        for part in parts:
            blocks += self._made(part)
            cache = life_of(part)
            if cache and blocks and "messages" in self.row.caches:
                blocks.append(cache_point(cache, self.row))
        return blocks

    def _made(self, part: Part) -> Iterable[Block]:
        """The blocks of one part: none for one that says nothing. Invalid for what Bedrock takes in no form."""
        match part:
            case Text():
                return ({"text": part.text},) if part.text.strip() else ()
            case Image():
                return (image(part),)
            case Document():
                return (self._document(part),)
            case Thinking():
                return self._thought(part)
            case ToolUse():
                return (told(part) if self.telling else tool_use(part),)
        return told_result(part) if self.telling else (tool_result(part, self.row),)

    def _thought(self, part: Thinking) -> Iterable[Block]:
        """A thought that its model can prove to be its own. Others no model takes back: they are left out."""
        if self.row.thoughts and part.redacted:
            return ({"reasoningContent": {"redactedContent": wrapped(part.redacted)}},)
        if self.row.thoughts and part.signature:
            return ({"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}},)
        return ()

    def _document(self, part: Document) -> Block:
        form = DOCUMENTS.get(part.media_type.partition(";")[0].strip().lower())
        if form is None:
            raise Invalid(f"a document is {part.media_type!r}; Bedrock reads {', '.join(sorted(DOCUMENTS))}")
        return {"document": {"format": form, "name": self._name(part.name), "source": {"bytes": part.base64}}}

    def _name(self, wanted: str) -> str:
        """A name that Bedrock takes, and that no other document of the request has."""
        plain = NOT_IN_A_NAME.sub(" ", wanted).strip()[: LONGEST_NAME - 5].strip() or "document"
        name, number = plain, 1
        while name.lower() in self.names:
            number += 1
            name = f"{plain} {number}"
        self.names.add(name.lower())
        return name


def life_of(part: Part) -> CacheLife | None:
    """The cache point that a part ends with; one inside the result of a tool stands after it here."""
    if isinstance(part, Thinking | ToolUse):
        return None
    inner = [each.cache for each in part.content if each.cache] if isinstance(part, ToolResult) else []
    return part.cache or (inner[-1] if inner else None)


def wrapped(redacted: str) -> str:
    """A thought that only its provider can read, as Bedrock has it: see answers.unwrapped."""
    try:
        content = redacted.encode("latin-1")
    except UnicodeEncodeError:
        content = redacted.encode()
    return base64.b64encode(content).decode()


def trim(turns: list[Block]) -> None:
    """The beginning of an answer, which a last turn of the assistant is, without the white space at its end: refused."""
    content = turns[-1]["content"]
    if "text" in content[-1]:
        content[-1] = {"text": content[-1]["text"].rstrip()}


def image(part: Image) -> Block:
    """A picture by its bytes; Invalid for one behind a URL, which Bedrock does not fetch."""
    form = IMAGES.get(part.media_type.partition(";")[0].strip().lower())
    if part.url or not part.base64:
        raise Invalid("Bedrock fetches no picture from a URL; send its bytes in base64")
    if form is None:
        raise Invalid(f"a picture is {part.media_type!r}; Bedrock reads {', '.join(sorted(IMAGES))}")
    return {"image": {"format": form, "source": {"bytes": part.base64}}}


def tool_use(part: ToolUse) -> Block:
    """What the model asked of a tool; Invalid when its input is no JSON object."""
    try:
        given = msgspec.json.decode(part.input or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as odd:
        raise Invalid(f"the input of the tool use {part.id[:80]!r} is no JSON object: {odd}") from odd
    return {"toolUse": {"toolUseId": identifier(part.id), "name": part.name, "input": given}}


def tool_result(part: ToolResult, row: Family) -> Block:
    """What a tool gave. Where the model takes no status, a failure is said in words."""
    content = [image(each) if isinstance(each, Image) else {"text": each.text} for each in part.content if said(each)]
    result: Block = {"toolUseId": identifier(part.id), "content": content or [{"text": NOTHING_SAID}]}
    if part.failed and row.marks:
        result["status"] = "error"
    elif part.failed:
        result["content"] = [{"text": "The tool failed."}, *content]
    return {"toolResult": result}


def said(part: Text | Image) -> bool:
    """Whether there is anything in a part."""
    return not isinstance(part, Text) or bool(part.text.strip())


def told(part: ToolUse) -> Block:
    """A tool use in words."""
    return {"text": f"[used the tool {part.name} with {part.input or '{}'}]"}


def told_result(part: ToolResult) -> Iterable[Block]:
    """A tool's result in words, and its pictures after them."""
    words = " ".join(each.text for each in part.content if isinstance(each, Text)).strip() or NOTHING_SAID
    yield {"text": f"[the tool {'failed' if part.failed else 'gave'}: {words}]"}
    yield from (image(each) for each in part.content if isinstance(each, Image))


def identifier(wanted: str) -> str:
    """A tool use's id as Bedrock takes it; the same for the use and for its result."""
    return NOT_IN_AN_ID.sub("_", wanted)[:LONGEST_ID] or "tool"


def cache_point(life: CacheLife, row: Family) -> Block:
    """A cache point; an hour where the model has that, which are those that cache tools."""
    longer = life == "1h" and "tools" in row.caches
    return {"cachePoint": {"type": "default", "ttl": "1h"} if longer else {"type": "default"}}
