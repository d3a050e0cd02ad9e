"""The turns of OpenAI's chat completions: what the application says, and what the user, the model and tools said."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from apps.invocation import folding
from apps.invocation.dialects.openai.chat_shapes import (
    CacheBreakpoint,
    CacheControl,
    ChatAssistant,
    ChatDeveloper,
    ChatFile,
    ChatImage,
    ChatMessage,
    ChatRefusal,
    ChatSystem,
    ChatText,
    ChatToolResult,
    ChatUser,
)
from apps.invocation.invocations import CacheLife, Document, Image, Message, Part, Role, Text, Thinking, ToolResult, ToolUse
from foundation.errors import InvalidParameter, InvalidValue

DATA: Final = "data:"
Content: TypeAlias = ChatText | ChatImage | ChatFile | ChatRefusal


def conversation(given: Sequence[ChatMessage]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """What the application says, and the turns of the user and the model. Where it alone speaks, it is the user."""
    system, turns = folding.conversation(turn for message in enumerate(given) if (turn := turn_of(*message)).content)
    if not turns:
        raise InvalidValue("messages say nothing; one of them must", param="messages")
    return system, turns


def places(given: Sequence[ChatMessage]) -> Mapping[str, str]:
    """Where each part of the request stands in the messages."""
    turns = ((turn_of(place, message), spots(f"messages[{place}]", message)) for place, message in enumerate(given))
    return folding.places((turn, names) for turn, names in turns if turn.content)


def spots(where: str, message: ChatMessage) -> Iterator[str]:
    """The places of the parts of a message, in their order."""
    if isinstance(message, ChatToolResult):
        yield where
        return
    if isinstance(message, ChatAssistant):
        blocks = message.thinking_blocks or ()
        yield from (f"{where}.thinking_blocks[{n}]" for n, _ in enumerate(blocks))
        if message.reasoning_content and not blocks:
            yield f"{where}.reasoning_content"
        if message.content is None and message.refusal:
            yield f"{where}.refusal"
        yield from listed(f"{where}.content", message.content or None)
        yield from (f"{where}.tool_calls[{n}]" for n, _ in enumerate(message.tool_calls or ()))
        return
    yield from listed(f"{where}.content", message.content)


def listed(where: str, content: str | Sequence[object] | None) -> Iterator[str]:
    """The places of the parts of some content, which may be one text."""
    if isinstance(content, str):
        yield where
    else:
        yield from (f"{where}[{n}]" for n, _ in enumerate(content or ()))


def turn_of(place: int, message: ChatMessage) -> Message:
    """A message as a turn, which is empty where nothing is said."""
    where = f"messages[{place}]"
    match message:
        case ChatSystem() | ChatDeveloper():
            return Message(Role.SYSTEM, tuple(texts(message.content)))
        case ChatUser():
            return Message(Role.USER, parts(message.content, where))
        case ChatAssistant():
            return Message(Role.ASSISTANT, tuple(said(message, where)))
        case ChatToolResult():
            return Message(Role.USER, (result(message, where),))


def unheard(given: Sequence[ChatMessage]) -> Iterator[str]:
    """The names of what is said in turns and no model here gets: who of several speaks, how closely to look at a picture, a
    refusal beside an answer."""
    for message in given:
        if not isinstance(message, ChatToolResult) and message.name is not None:
            yield "messages.name"
        if isinstance(message, ChatAssistant) and message.content is not None and message.refusal:
            yield "messages.refusal"
        if isinstance(message, ChatUser | ChatToolResult) and not isinstance(message.content, str):
            looked_at = (each.image_url.detail for each in message.content if isinstance(each, ChatImage))
            if any(detail not in (None, "auto") for detail in looked_at):
                yield "image_url.detail"


def texts(content: str | list[ChatText]) -> Iterator[Text]:
    """Content that is text alone."""
    if isinstance(content, str):
        yield Text(content)
    else:
        yield from (Text(each.text, life(each)) for each in content)


def parts(content: str | Sequence[Content], where: str) -> tuple[Part, ...]:
    """The content of a turn."""
    if isinstance(content, str):
        return (Text(content),)
    if not content:
        raise InvalidValue(f"{where}.content is empty", param=f"{where}.content")
    return tuple(listed_parts(content, where))


def listed_parts(content: Sequence[Content], where: str) -> Iterator[Part]:
    """The same of a list."""
    for place, each in enumerate(content):
        match each:
            case ChatText():
                yield Text(each.text, life(each))
            case ChatRefusal():
                yield Text(each.refusal)
            case ChatImage():
                yield image(each, f"{where}.content[{place}].image_url.url")
            case ChatFile():
                yield document(each, f"{where}.content[{place}].file")


def life(content: ChatText | ChatImage | ChatFile) -> CacheLife | None:
    """How long the provider may keep everything up to here."""
    control: CacheControl | CacheBreakpoint | None = content.cache_control or content.prompt_cache_breakpoint
    if control is None:
        return None
    return "5m" if control.ttl in (None, "5m") else "1h"


def image(content: ChatImage, where: str) -> Image:
    """A picture."""
    url = content.image_url.url
    if url.startswith(DATA):
        media_type, base64 = of_data_url(url, where)
        return Image(media_type, base64, cache=life(content))
    if not url.startswith(("https://", "http://")):
        raise InvalidValue(f"{where} must be a data: URL with base64, or begin with https://", param=where)
    return Image(url=url, cache=life(content))


def document(content: ChatFile, where: str) -> Document:
    """A document."""
    if content.file.file_id:
        raise InvalidParameter(f"{where}.file_id cannot be honoured: send the document itself", param=f"{where}.file_id")
    if not content.file.file_data:
        raise InvalidValue(f"{where} must have file_data: a data: URL with the base64 of the document", param=where)
    media_type, base64 = of_data_url(content.file.file_data, f"{where}.file_data")
    return Document(media_type, base64, content.file.filename or "document", life(content))


def of_data_url(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 of a data URL (RFC 2397)."""
    head, comma, base64 = url.partition(",")
    media_type, *more = head.removeprefix(DATA).split(";")
    if not (url.startswith(DATA) and comma and base64 and media_type and more and more[-1] == "base64"):
        raise InvalidValue(f"{where} must be like data:image/png;base64,iVBOR…", param=where)
    return media_type, base64


def said(message: ChatAssistant, where: str) -> Iterator[Part]:
    """What the model thought, said and asked for in a turn: nothing, where it said an empty text."""
    for block in message.thinking_blocks or ():
        yield Thinking(block.thinking or "", block.signature or "", block.data or "")
    if message.reasoning_content and not message.thinking_blocks:
        yield Thinking(message.reasoning_content)
    content = message.refusal if message.content is None else message.content
    if content:
        yield from parts(content, where)
    for call in message.tool_calls or ():
        yield ToolUse(call.id, call.function.name, call.function.arguments or "{}")
    if content is None and not message.tool_calls:
        raise InvalidValue(f"{where} has neither content nor tool_calls", param=where)


def result(message: ChatToolResult, where: str) -> ToolResult:
    """What a tool gave."""
    content = tuple(part for part in parts(message.content or "", where) if isinstance(part, Text | Image))
    return ToolResult(message.tool_call_id, content)
