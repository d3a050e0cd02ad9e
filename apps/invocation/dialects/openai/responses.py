"""OpenAI's Responses API: POST /v1/responses, as its SDKs speak it, without anything that is kept between two requests."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from apps.invocation import labels
from apps.invocation.dialects.openai import responses_items
from apps.invocation.dialects.openai.responses_items import STATELESS, conversation, output
from apps.invocation.dialects.openai.responses_shapes import (
    ChosenTool,
    FunctionTool,
    Incomplete,
    InputDetails,
    Item,
    ObjectFormat,
    OutputDetails,
    OutputItem,
    Reasoning,
    ResponseObject,
    ResponsesRequest,
    ResponseUsage,
    SchemaFormat,
    Status,
    TextConfig,
)
from apps.invocation.invocations import Completion, Finish, OutputFormat, Request, StopReason, Text, Tool, ToolChoice, Usage
from foundation.errors import InvalidParameter, InvalidValue

# The names of the inner request's fields and parts where this dialect has others.
WORDS: Final[Mapping[str, str]] = {
    "max_tokens": "max_output_tokens",
    "logprobs": "top_logprobs",
    "output": "text.format",
    "described_output": "text.format.description",
    "strict_tools": "tools.strict",
    "parallel_tools": "parallel_tool_calls",
    "effort": "reasoning.effort",
    "thinking": "reasoning",
    "image": "input_image",
    "document": "input_file",
    "cache": "prompt_cache_breakpoint",
}
REFUSED: Final[Mapping[str, str]] = {
    "store": f"{STATELESS}, and store false or not at all",
    "previous_response_id": STATELESS,
    "conversation": STATELESS,
    "background": "send the request to /model/async_invoke, or many of them as a batch to /v1/batches",
    "prompt": "templates of prompts are rendered by /prompt here; send what that gives as input",
    "moderation": "the application's guard does this; an administrator sets it",
    "context_management": "the conversation is sent to the model as it is; shorten it before",
}
CHOICES: Final = {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("any")}
OUTPUT: Final = "function_call_output"
LIKELIHOODS: Final = "message.output_text.logprobs"
NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}
INCOMPLETE: Final = {
    StopReason.LENGTH: Incomplete("max_output_tokens"),
    StopReason.FILTERED: Incomplete("content_filter"),
}


def request(wanted: ResponsesRequest) -> Request:
    """The inner request. InvalidParameter names what no model could do, or what has no meaning."""
    refuse(wanted)
    said, messages = conversation(wanted.input)
    offered = [tool(each, place) for place, each in enumerate(wanted.tools or ())]
    tools, choice = chosen(wanted.tool_choice, offered)
    likely = 0 if wanted.top_logprobs is None and LIKELIHOODS in (wanted.include or ()) else wanted.top_logprobs
    return Request(
        model=wanted.model,
        messages=messages,
        system=(Text(wanted.instructions), *said) if wanted.instructions else said,
        max_tokens=wanted.max_output_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        logprobs=likely,
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tools=wanted.parallel_tool_calls if tools else None,
        output=form(wanted.text),
        effort=wanted.reasoning.effort if wanted.reasoning else None,
        service_tier=wanted.service_tier,
        user=wanted.user or wanted.safety_identifier,
        labels=labels.checked(wanted.metadata, "metadata") if wanted.metadata else {},
    )


def places(wanted: ResponsesRequest) -> Mapping[str, str]:
    """Where each part of the inner request stands in this one."""
    return responses_items.places(wanted.input, wanted.instructions)


def refuse(wanted: ResponsesRequest) -> None:
    """Raise for what cannot be done here, whichever model is asked."""
    for name, why in REFUSED.items():
        if getattr(wanted, name):
            raise InvalidParameter(f"{name} cannot be honoured: {why}", param=name)
    if wanted.truncation not in (None, "disabled"):
        raise InvalidParameter("truncation must be disabled: a prompt that is too long is refused", param="truncation")


def ignored(wanted: ResponsesRequest) -> tuple[str, ...]:
    """What of the request changes nothing here."""
    said = {
        "text.verbosity": wanted.text and wanted.text.verbosity,
        "include": {*(wanted.include or ())} - {LIKELIHOODS},
        "input.name": any(item.name and item.type == OUTPUT for item in wanted.input if isinstance(item, Item)),
        "safety_identifier": wanted.user and wanted.safety_identifier not in (None, wanted.user),
        "reasoning.summary": wanted.reasoning and (wanted.reasoning.summary or wanted.reasoning.generate_summary),
    }
    return tuple(name for name, value in said.items() if value)


def tool(given: FunctionTool, place: int) -> Tool:
    """A function; InvalidParameter for a tool of another type, which OpenAI itself would run."""
    where = f"tools[{place}]"
    if given.type != "function":
        raise InvalidParameter(
            f"{where}.type ({given.type[:50]!r}) cannot be honoured: tools here are functions, which the application runs",
            param=f"{where}.type",
        )
    if not given.name:
        raise InvalidValue(f"{where}.name is missing", param=f"{where}.name")
    return Tool(given.name, given.description or "", given.parameters or NO_PARAMETERS, given.strict)


def chosen(given: str | ChosenTool | None, offered: Sequence[Tool]) -> tuple[Sequence[Tool], ToolChoice | None]:
    """The tools that the model may ask for, and whether it must."""
    if isinstance(given, ChosenTool) and given.type == "allowed_tools":
        allowed = {each.name for each in given.tools}
        offered, given = [tool for tool in offered if tool.name in allowed], given.mode
    if given is None or (not offered and given in ("auto", "none")):
        return offered, None
    choice = CHOICES.get(given) if isinstance(given, str) else ToolChoice("tool", given.name or "")
    if choice is None or (isinstance(given, ChosenTool) and given.type != "function"):
        raise InvalidValue("tool_choice must be auto, none, required, or name a function", param="tool_choice")
    if not offered or (choice.mode == "tool" and all(tool.name != choice.name for tool in offered)):
        raise InvalidValue("tool_choice asks for a tool that is not among tools", param="tool_choice")
    return offered, choice


def form(text: TextConfig | None) -> OutputFormat | None:
    """The form of the answer."""
    match text.format if text else None:
        case ObjectFormat():
            return OutputFormat()
        case SchemaFormat(name, schema, description, strict):
            return OutputFormat(schema, name, strict, description or "")
    return None


def begun(wanted: ResponsesRequest, invocation: str, created: int, model: str) -> ResponseObject:
    """An answer that has begun, with what was asked. `model` is the name of it in the catalogue."""
    return ResponseObject(
        id=f"resp_{invocation}",
        created_at=created,
        status="in_progress",
        model=model,
        instructions=wanted.instructions,
        max_output_tokens=wanted.max_output_tokens,
        metadata=wanted.metadata or {},
        parallel_tool_calls=wanted.parallel_tool_calls is not False,
        reasoning=wanted.reasoning or Reasoning(),
        service_tier=wanted.service_tier,
        temperature=wanted.temperature,
        text=wanted.text or TextConfig(),
        tool_choice=wanted.tool_choice or "auto",
        tools=wanted.tools or [],
        top_p=wanted.top_p,
        user=wanted.user,
    )


def response(beginning: ResponseObject, completion: Completion) -> ResponseObject:
    """The whole answer on the wire."""
    status: Status = "incomplete" if completion.reason in INCOMPLETE else "completed"
    return ended(beginning, Finish(completion.usage, completion.reason), output(completion, beginning.id, status))


def ended(beginning: ResponseObject, end: Finish, items: Sequence[OutputItem]) -> ResponseObject:
    """The answer at its end, with its items."""
    incomplete = INCOMPLETE.get(end.reason)
    return replace(
        beginning,
        status="incomplete" if incomplete else "completed",
        output=tuple(items),
        usage=usage(end.usage),
        incomplete_details=incomplete,
    )


def usage(tokens: Usage) -> ResponseUsage:
    """Tokens on the wire."""
    return ResponseUsage(
        tokens.input_tokens,
        InputDetails(tokens.cached_tokens, tokens.cache_written_tokens),
        tokens.output_tokens,
        OutputDetails(tokens.reasoning_tokens),
        tokens.input_tokens + tokens.output_tokens,
    )
