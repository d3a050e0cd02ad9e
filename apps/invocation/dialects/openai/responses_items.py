"""The items of OpenAI's Responses API: those of the input as turns, and the parts of an answer as those of the output."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from apps.invocation import folding
from apps.invocation.dialects.openai.chat_shapes import CacheBreakpoint
from apps.invocation.dialects.openai.responses_shapes import (
    Content,
    FunctionCallItem,
    InputFile,
    InputImage,
    InputText,
    Item,
    MessageItem,
    OutputItem,
    OutputText,
    ReasoningItem,
    ReasoningText,
    Refusal,
    Status,
)
from apps.invocation.dialects.openai.turns import DATA, listed, of_data_url
from apps.invocation.invocations import (
    CacheLife,
    Completion,
    Document,
    Image,
    Message,
    Part,
    Role,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from foundation.errors import InvalidParameter, InvalidValue

ROLES: Final = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "developer": Role.SYSTEM}
STATELESS: Final = "nothing is kept here; send the whole conversation as input"
# What `encrypted_content` holds: a signature of the thought's text, or a thought that only its provider can read.
SIGNED, SEALED = "signed:", "sealed:"
SHOWN: Final = (Refusal, InputImage, InputFile)  # is no thought


def conversation(given: str | Sequence[Item]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """What the application says in the input, and the turns. Where it alone speaks, it is the user."""
    if isinstance(given, str):
        if not given:
            raise InvalidValue("input is empty", param="input")
        return (), (Message(Role.USER, (Text(given),)),)
    return folding.conversation(turn(item, f"input[{place}]") for place, item in enumerate(given))


def places(given: str | Sequence[Item], instructions: str | None) -> Mapping[str, str]:
    """Where each part of the inner request stands in the input; instructions come before it."""
    if isinstance(given, str):
        return {"system[0]": "instructions", "messages[0].content[0]": "input"}
    before = ["instructions"] if instructions else []
    return folding.places(((turn(item, ""), spots(f"input[{place}]", item)) for place, item in enumerate(given)), before)


def spots(where: str, item: Item) -> Iterator[str]:
    """The places of the parts of an item, in their order."""
    match item.type:
        case "message":
            yield from listed(f"{where}.content", item.content)
        case "function_call":
            yield f"{where}.arguments"
        case "function_call_output":
            yield f"{where}.output"
        case _:
            yield where


def turn(item: Item, where: str) -> Message:
    """One item as a turn; InvalidParameter names what it lacks, or why it cannot be one."""
    match item.type:
        case "message":
            return spoken(item, where)
        case "function_call":
            use = ToolUse(needed(item.call_id, f"{where}.call_id"), needed(item.name, f"{where}.name"), item.arguments or "{}")
            return Message(Role.ASSISTANT, (use,))
        case "function_call_output":
            content = tuple(shown(item.output, f"{where}.output"))
            return Message(Role.USER, (ToolResult(needed(item.call_id, f"{where}.call_id"), content),))
        case "reasoning":
            return Message(Role.ASSISTANT, (thought(item),))
    why = STATELESS if item.type == "item_reference" else "models here know messages, functions and reasoning"
    raise InvalidParameter(f"{where}.type ({item.type[:50]!r}) cannot be honoured: {why}", param=f"{where}.type")


def spoken(item: Item, where: str) -> Message:
    """A message; what the application itself says must be text."""
    if item.role not in ROLES:
        raise InvalidValue(f"{where}.role must be user, assistant, system or developer", param=f"{where}.role")
    role, content = ROLES[item.role], tuple(parts(item.content, f"{where}.content"))
    if role is Role.SYSTEM and not all(isinstance(part, Text) for part in content):
        raise InvalidParameter(f"{where}.content must be text where its role is {item.role}", param=f"{where}.content")
    return Message(role, content)


def needed(given: str | None, where: str) -> str:
    """What must be there."""
    if not given:
        raise InvalidValue(f"{where} is missing", param=where)
    return given


def parts(content: str | Sequence[Content] | None, where: str) -> Iterator[Part]:
    """The content of a turn."""
    if not content:
        raise InvalidValue(f"{where} is empty", param=where)
    if isinstance(content, str):
        yield Text(content)
        return
    for place, each in enumerate(content):
        match each:
            case InputText():
                yield Text(each.text, life(each.prompt_cache_breakpoint))
            case InputImage():
                yield image(each, f"{where}[{place}]")
            case InputFile():
                yield document(each, f"{where}[{place}]")
            case Refusal():
                yield Text(each.refusal)
            case _:
                yield Text(each.text)


def shown(output: str | Sequence[Content] | None, where: str) -> Iterator[Text | Image]:
    """What a tool gave: text, which may be empty, and pictures."""
    for place, part in enumerate(parts(output, where) if output else (Text(""),)):
        if not isinstance(part, Text | Image):
            raise InvalidParameter(f"{where}[{place}] must be text or a picture", param=f"{where}[{place}]")
        yield part


def image(content: InputImage, where: str) -> Image:
    """A picture."""
    if content.file_id:
        raise InvalidParameter(f"{where}.file_id cannot be honoured: send the picture itself", param=f"{where}.file_id")
    url = content.image_url or ""
    if url.startswith(DATA):
        media_type, base64 = of_data_url(url, f"{where}.image_url")
        return Image(media_type, base64, cache=life(content.prompt_cache_breakpoint))
    if not url.startswith(("https://", "http://")):
        raise InvalidValue(
            f"{where}.image_url must be a data: URL with base64, or begin with https://", param=f"{where}.image_url"
        )
    return Image(url=url, cache=life(content.prompt_cache_breakpoint))


def document(content: InputFile, where: str) -> Document:
    """A document."""
    for name, given in (("file_id", content.file_id), ("file_url", content.file_url)):
        if given:
            raise InvalidParameter(f"{where}.{name} cannot be honoured: send the document itself", param=f"{where}.{name}")
    if not content.file_data:
        raise InvalidValue(
            f"{where}.file_data must be there: a data: URL with the base64 of the document", param=f"{where}.file_data"
        )
    media_type, base64 = of_data_url(content.file_data, f"{where}.file_data")
    return Document(media_type, base64, content.filename or "document", life(content.prompt_cache_breakpoint))


def life(point: CacheBreakpoint | None) -> CacheLife | None:
    """How long the provider may keep everything up to here."""
    if point is None:
        return None
    return "5m" if point.ttl in (None, "5m") else "1h"


def thought(item: Item) -> Thinking:
    """A thought that is given back."""
    kept = item.encrypted_content or ""
    if kept.startswith(SEALED):
        return Thinking("", redacted=kept.removeprefix(SEALED))
    content = item.content or item.summary
    texts = [content] if isinstance(content, str) else [each.text for each in content if not isinstance(each, SHOWN)]
    said = "\n".join(texts)
    return Thinking(said, kept.removeprefix(SIGNED) if kept.startswith(SIGNED) else "")


def output(completion: Completion, response: str, status: Status) -> tuple[OutputItem, ...]:
    """An answer's items, in their order; the last one has the status. Likelihoods stand with the first text."""
    items: list[OutputItem] = []
    likely, last = completion.logprobs, len(completion.content) - 1
    for place, part in enumerate(completion.content):
        how = status if place == last else "completed"
        match part:
            case Text():
                items.append(MessageItem(name("msg", response, place), how, (OutputText(part.text, logprobs=likely),)))
                likely = ()
            case Thinking():
                items.append(reasoning(name("rs", response, place), how, part))
            case ToolUse():
                items.append(FunctionCallItem(name("fc", response, place), how, part.id, part.name, part.input))
    return tuple(items)


def reasoning(identity: str, status: Status, part: Thinking) -> ReasoningItem:
    """A thought, with what its provider knows it by."""
    kept = SEALED + part.redacted if part.redacted else SIGNED + part.signature if part.signature else None
    content = (ReasoningText(part.text),) if part.text else ()
    return ReasoningItem(identity, status, content=content, encrypted_content=kept)


def name(kind: str, response: str, place: int) -> str:
    """The id of the item at a place of a response."""
    return f"{kind}_{response.removeprefix('resp_')}_{place}"
