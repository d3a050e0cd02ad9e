"""The inner request as Anthropic's Messages API has it (https://platform.claude.com/docs/en/api/messages, as of 2026-11)."""

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from apps.invocation.folding import alternating
from apps.invocation.invocations import (
    CacheLife,
    Document,
    Image,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from foundation.errors import Invalid

Member = Mapping[str, Any]

DEFAULT_MAX_TOKENS: Final = 4096  # the API wants to be told; no model of Anthropic's writes less
ANSWER: Final = "answer"  # the tool whose input is the answer, where that is to be any JSON object
EFFORTS: Final[Mapping[str, str]] = {"minimal": "low"}
NO_EFFORT: Final = "none"
TIERS: Final[Mapping[str, str]] = {"auto": "auto", "standard_only": "standard_only", "default": "standard_only"}
INPUT: Final = msgspec.json.Decoder(dict[str, Any])


def asked(request: Request, *, stream: bool) -> Member:
    """The body of POST /v1/messages. What Anthropic has no member for is left out: see AnthropicApi.honours."""
    body = {
        **counted(request),
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS + (request.thinking_tokens or 0),
        **{name: value for name, value in sampling(request) if value is not None},
    }
    return {**body, "stream": True} if stream else body


def counted(request: Request) -> Member:
    """The body of POST /v1/messages/count_tokens: all that there is to read."""
    body: dict[str, Any] = {"model": request.model, "messages": [turn(message) for message in turns(request)]}
    return body | {name: value for name, value in reading(request) if value}


def reading(request: Request) -> Iterator[tuple[str, Any]]:
    """The members beside the conversation that are read, empty where they are not said."""
    yield "system", [block(part) for part in request.system if part.text]
    yield "tools", [*map(tool, request.tools), *([JSON_TOOL] if wants_any_json(request) else ())]
    yield "tool_choice", JSON_CHOICE if wants_any_json(request) else choice(request)
    yield "thinking", thinking(request)
    yield "output_config", dict(output(request))


def sampling(request: Request) -> Iterator[tuple[str, Any]]:
    """The members that say how the answer is chosen, None where they are not said."""
    yield "temperature", request.temperature
    yield "top_p", request.top_p
    yield "top_k", request.top_k
    yield "stop_sequences", list(request.stop) or None
    yield "metadata", {"user_id": request.user} if request.user is not None else None
    yield "service_tier", tier(request.service_tier)


def turns(request: Request) -> tuple[Message, ...]:
    """The conversation, as Anthropic takes it: no empty text, no empty turn, neighbours of one role joined."""
    told = (Message(message.role, tuple(filter(says_something, message.content))) for message in request.messages)
    return alternating(message for message in told if message.content)


def says_something(part: Part) -> bool:
    """Whether Anthropic takes a part: text that is not empty, and thoughts that its model can prove to be its own."""
    match part:
        case Text():
            return bool(part.text)
        case Thinking():
            return bool(part.signature or part.redacted)
    return True


def turn(message: Message) -> Member:
    """One turn."""
    return {"role": message.role.value, "content": [block(part) for part in message.content]}


def block(part: Part) -> Member:
    """A part as a block."""
    match part:
        case Text():
            return {"type": "text", "text": part.text, **cached(part.cache)}
        case Image():
            return {"type": "image", "source": picture(part), **cached(part.cache)}
        case Document():
            title = {} if part.name == "document" else {"title": part.name}
            return {"type": "document", "source": paper(part), **title, **cached(part.cache)}
        case Thinking(redacted=""):
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        case Thinking():
            return {"type": "redacted_thinking", "data": part.redacted}
        case ToolUse():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": tool_input(part)}
        case ToolResult():
            content = [block(each) for each in part.content if not isinstance(each, Text) or each.text]
            failed = {"is_error": True} if part.failed else {}
            return {"type": "tool_result", "tool_use_id": part.id, "content": content, **failed, **cached(part.cache)}


def cached(life: CacheLife | None) -> Member:
    """A cache point."""
    if life is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if life == "5m" else {"type": "ephemeral", "ttl": life}}


def picture(part: Image) -> Member:
    """Where a picture is."""
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": part.base64}


def paper(part: Document) -> Member:
    """Where a document is: Anthropic reads PDFs and plain text. Invalid for another."""
    if part.media_type == "application/pdf":
        return {"type": "base64", "media_type": part.media_type, "data": part.base64}
    if part.media_type != "text/plain":
        raise Invalid(f"Anthropic reads documents that are application/pdf or text/plain, not {part.media_type[:100]}")
    try:
        return {"type": "text", "media_type": part.media_type, "data": b64decode(part.base64).decode()}
    except (BadBase64, UnicodeDecodeError, ValueError) as odd:
        raise Invalid(f"the document {part.name[:100]} is no UTF-8 text in base64") from odd


def tool_input(part: ToolUse) -> Member:
    """The input that a model gave to a tool; Invalid when it is no JSON object."""
    try:
        return INPUT.decode(part.input)
    except (msgspec.MsgspecError, RecursionError) as odd:
        raise Invalid(f"the input of the tool {part.name[:100]} in the conversation is no JSON object: {odd}") from odd


def tool(wanted: Tool) -> Member:
    """A tool."""
    said: dict[str, Any] = {"name": wanted.name, "input_schema": {"type": "object", **wanted.schema}}
    if wanted.description:
        said["description"] = wanted.description
    if wanted.strict is not None:
        said["strict"] = wanted.strict
    return {**said, **cached(wanted.cache)}


def choice(request: Request) -> Member | None:
    """Whether a tool must be used, and only one at a time."""
    wanted = request.tool_choice or (ToolChoice("auto") if request.parallel_tools is False and request.tools else None)
    if wanted is None:
        return None
    named = {"name": wanted.name} if wanted.mode == "tool" else {}
    alone = {"disable_parallel_tool_use": True} if request.parallel_tools is False and wanted.mode != "none" else {}
    return {"type": wanted.mode, **named, **alone}


def thinking(request: Request) -> Member | None:
    """Whether the model thinks, and how much."""
    if request.thinking_tokens is not None:
        return {"type": "enabled", "budget_tokens": request.thinking_tokens}
    if request.thinking_mode == "off" or request.effort == NO_EFFORT:
        return {"type": "disabled"}
    return {"type": request.thinking_mode} if request.thinking_mode is not None else None


def output(request: Request) -> Iterator[tuple[str, Any]]:
    """How the answer is to be: a JSON schema is Anthropic's own structured output."""
    if request.effort is not None and request.effort != NO_EFFORT:
        yield "effort", EFFORTS.get(request.effort, request.effort)
    if request.output is not None and request.output.schema is not None:
        yield "format", {"type": "json_schema", "schema": request.output.schema}


def wants_any_json(request: Request) -> bool:
    """Whether the answer is to be a JSON object of no given schema.

    Anthropic's structured output wants a schema; so the model is made to call a tool that takes any object, and what it
    gives to that tool is the answer. Invalid beside other tools or thoughts, with which no tool can be forced.
    """
    if request.output is None or request.output.schema is not None:
        return False
    if request.tools or request.thinking_tokens or request.thinking_mode in ("adaptive", "between_tools"):
        raise Invalid("Anthropic's models give a JSON object without a schema only without tools and thinking; give a schema")
    return True


JSON_TOOL: Final[Member] = {
    "name": ANSWER,
    "description": "Gives the answer, which is one JSON object.",
    "input_schema": {"type": "object"},
}
JSON_CHOICE: Final[Member] = {"type": "tool", "name": ANSWER, "disable_parallel_tool_use": True}


def tier(wanted: str | None) -> str | None:
    """The service tier; Invalid for one that Anthropic does not have."""
    if wanted is None:
        return None
    if wanted not in TIERS:
        raise Invalid(f"service_tier is {wanted[:50]!r}; Anthropic has {', '.join(TIERS)}")
    return TIERS[wanted]
