"""The inner request as OpenAI's chat completions have it."""

import base64
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from apps.invocation.invocations import (
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Request,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from foundation.errors import Invalid

Member = Mapping[str, Any]

# The models that take `max_completion_tokens` and refuse `max_tokens`, by how their ids begin.
# https://platform.openai.com/docs/api-reference/chat/create#chat_create-max_tokens
COUNT_THOUGHTS: Final = ("o1", "o3", "o4", "gpt-5")
TIERS: Final[Mapping[str, str]] = {"standard_only": "default"}  # Anthropic's name for what OpenAI calls so
CHOICES: Final = {"auto": "auto", "none": "none", "any": "required"}


class Body(Struct, omit_defaults=True):
    """The body of a request for a chat completion. What is not said is left out."""

    model: str
    messages: Sequence[Member]
    stream: bool | None = None
    stream_options: Member | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: Sequence[Member] | None = None
    tool_choice: str | Member | None = None
    parallel_tool_calls: bool | None = None
    response_format: Member | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    user: str | None = None


def chat(request: Request, *, stream: bool) -> Body:
    """The body. What OpenAI has no member for is left out: see OpenAICompatible.honours."""
    system = "\n\n".join([part.text for part in request.system])
    thinks = request.model.rpartition("/")[2].startswith(COUNT_THOUGHTS)
    return Body(
        request.model,
        [
            *([{"role": "system", "content": system}] if system else ()),
            *[said for message in request.messages for said in turns(message)],
        ],
        stream=stream or None,
        stream_options={"include_usage": True} if stream else None,
        max_tokens=None if thinks else request.max_tokens,
        max_completion_tokens=request.max_tokens if thinks else None,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=request.stop or None,
        seed=request.seed,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        logprobs=None if request.logprobs is None else True,
        top_logprobs=request.logprobs or None,
        tools=[tool(each) for each in request.tools] or None,
        tool_choice=None if request.tool_choice is None else choice(request.tool_choice),
        parallel_tool_calls=request.parallel_tools,
        response_format=None if request.output is None else response_format(request.output),
        reasoning_effort=request.effort,
        service_tier=request.service_tier and TIERS.get(request.service_tier, request.service_tier),
        user=request.user,
    )


def turns(message: Message) -> Iterator[Member]:
    """A turn as one message, and before it a message of the role `tool` for each result of a tool."""
    if message.role is Role.ASSISTANT:
        yield assistant(message)
        return
    if message.role is Role.SYSTEM:
        yield {"role": "system", "content": "\n\n".join(part.text for part in message.content if isinstance(part, Text))}
        return
    results = [part for part in message.content if isinstance(part, ToolResult)]
    for result in results:
        text = "\n".join(part.text for part in result.content if isinstance(part, Text))
        yield {"role": "tool", "tool_call_id": result.id, "content": f"Error: {text}" if result.failed else text}
    shown = [part for result in results for part in result.content if isinstance(part, Image)]
    spoken = [*shown, *(part for part in message.content if not isinstance(part, ToolResult))]
    if spoken:
        yield {"role": "user", "content": content(spoken)}


def assistant(message: Message) -> Member:
    """A turn of the model; its thoughts are not said again."""
    asked = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.input}}
        for part in message.content
        if isinstance(part, ToolUse)
    ]
    said = {"role": "assistant", "content": message.text or (None if asked else "")}
    return {**said, "tool_calls": asked} if asked else said


def content(spoken: Sequence[Part]) -> str | list[Member]:
    """Text alone as a text, which every server takes; a list of parts where there is more."""
    texts = [part.text for part in spoken if isinstance(part, Text)]
    return "\n".join(texts) if len(texts) == len(spoken) else [member(part) for part in spoken]


def member(part: Part) -> Member:
    """A part of the user's turn. A document that is text goes as text, any other as a file."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image_url", "image_url": {"url": part.url or data_url(part.media_type, part.base64)}}
        case Document(media_type=kind) if kind.startswith("text/"):
            return {"type": "text", "text": f"{part.name}:\n{plain(part)}"}
        case Document():
            file = {"filename": filename(part), "file_data": data_url(part.media_type, part.base64)}
            return {"type": "file", "file": file}
    raise Invalid(f"a turn of the user cannot hold {type(part).__name__}")


def data_url(media_type: str, encoded: str) -> str:
    """Bytes as a URL (RFC 2397)."""
    return f"data:{media_type};base64,{encoded}"


def plain(document: Document) -> str:
    """The text of a document that is text; Invalid when it is not in UTF-8."""
    try:
        return base64.b64decode(document.base64, validate=True).decode()
    except ValueError as wrong:
        raise Invalid(f"the document {document.name} is {document.media_type}, and not in UTF-8: {wrong}") from wrong


def filename(document: Document) -> str:
    """A name with an ending, by which OpenAI tells what the file is."""
    return document.name if "." in document.name else document.name + (mimetypes.guess_extension(document.media_type) or "")


def tool(offered: Tool) -> Member:
    """A tool as a function."""
    function = {"name": offered.name, "description": offered.description, "parameters": offered.schema}
    return {"type": "function", "function": function if offered.strict is None else {**function, "strict": offered.strict}}


def choice(wanted: ToolChoice) -> str | Member:
    """Whether, and which, tool must be asked for."""
    return CHOICES.get(wanted.mode) or {"type": "function", "function": {"name": wanted.name}}


def response_format(output: OutputFormat) -> Member:
    """JSON: any object, or one of a schema."""
    if output.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": output.name, "schema": output.schema}
    if output.description:
        schema["description"] = output.description
    return {"type": "json_schema", "json_schema": schema if output.strict is None else {**schema, "strict": output.strict}}
