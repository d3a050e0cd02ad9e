"""OpenAI's chat completions: POST /v1/chat/completions, as its SDKs and those of many others speak it."""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal

from apps.invocation import labels
from apps.invocation.dialects.openai import turns as openai_turns
from apps.invocation.dialects.openai.answer_shapes import (
    CachedTokens,
    ChatAnswer,
    ChatChoice,
    ChatCompletion,
    ChatLogprobs,
    ChatUsage,
    ReasoningTokens,
)
from apps.invocation.dialects.openai.chat_shapes import (
    ChatFunctionCall,
    ChatRequest,
    ChatTool,
    ChatToolCall,
    FormatObject,
    FormatSchema,
    GuardrailConfig,
    ThinkingBlock,
)
from apps.invocation.invocations import (
    Completion,
    Guardrail,
    OutputFormat,
    Request,
    StopReason,
    Thinking,
    Tool,
    ToolChoice,
    ToolUse,
    Usage,
)
from foundation.errors import InvalidParameter, InvalidValue

# The names of the inner request's fields and parts where this dialect has others.
WORDS: Final[Mapping[str, str]] = {
    "output": "response_format",
    "described_output": "response_format.json_schema.description",
    "strict_tools": "tools.function.strict",
    "parallel_tools": "parallel_tool_calls",
    "effort": "reasoning_effort",
    "thinking_tokens": "thinking",
    "thinking_mode": "thinking",
    "thinking": "thinking_blocks",
    "guardrail": "guardrailConfig",
    "image": "image_url",
    "document": "file",
    "cache": "cache_control",
}
REASONS: Final = {
    StopReason.END: "stop",
    StopReason.STOP: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOLS: "tool_calls",
    StopReason.FILTERED: "content_filter",
}
NOT_HERE: Final[Mapping[str, str]] = {
    "audio": "models here answer with text",
    "functions": "it was replaced by tools; send tools",
    "function_call": "it was replaced by tool_choice; send tool_choice",
    "logit_bias": "no model here takes it",
    "moderation": "the application's guard does this; an administrator sets it",
    "web_search_options": "models here search nothing; give them a tool that does",
}
SAYS_NOTHING: Final[Mapping[str, Any]] = {"logit_bias": {}, "moderation": False}  # beside None; of the others, []
UNHONOURED: Final = attrgetter(*NOT_HERE)
UNSAID: Final = (None,) * len(NOT_HERE)
CHOICES: Final = {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("any")}
MODES: Final[Mapping[str, Literal["off", "adaptive"] | None]] = {"enabled": None, "disabled": "off", "adaptive": "adaptive"}
NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def request(wanted: ChatRequest) -> Request:
    """The inner request. InvalidParameter names what no model could do, or what has no meaning."""
    refuse(wanted)
    system, messages = openai_turns.conversation(wanted.messages)
    tools = tuple(tool(each) for each in wanted.tools or ())
    return Request(
        model=wanted.model,
        messages=messages,
        system=system,
        max_tokens=wanted.max_completion_tokens or wanted.max_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        top_k=wanted.top_k,
        stop=(wanted.stop,) if isinstance(wanted.stop, str) else tuple(wanted.stop or ()),
        seed=wanted.seed,
        frequency_penalty=wanted.frequency_penalty,
        presence_penalty=wanted.presence_penalty,
        logprobs=(wanted.top_logprobs or 0) if wanted.logprobs else None,
        tools=tools,
        tool_choice=tool_choice(wanted, tools),
        parallel_tools=wanted.parallel_tool_calls if tools else None,
        output=output(wanted),
        thinking_tokens=wanted.thinking.budget_tokens if wanted.thinking else None,
        thinking_mode=MODES[wanted.thinking.type] if wanted.thinking else None,
        effort=wanted.reasoning_effort,
        service_tier=wanted.service_tier,
        user=wanted.user or wanted.safety_identifier,
        guardrail=guardrail(wanted.guardrailConfig),
        labels=labels.checked(wanted.metadata, "metadata") if wanted.metadata else {},
    )


def places(wanted: ChatRequest) -> Mapping[str, str]:
    """Where each part of the inner request stands in this one."""
    return openai_turns.places(wanted.messages)


def refuse(wanted: ChatRequest) -> None:
    """Raise for what cannot be done here, whichever model is asked."""
    unhonoured = UNHONOURED(wanted)
    if unhonoured != UNSAID:
        for (name, why), value in zip(NOT_HERE.items(), unhonoured, strict=True):
            if value is not None and value != SAYS_NOTHING.get(name, []):
                raise InvalidParameter(f"{name} cannot be honoured: {why}", param=name)
    if wanted.n not in (None, 1):
        raise InvalidParameter(f"n ({wanted.n}) must be 1: send the request again for another answer", param="n")
    if wanted.modalities not in (None, [], ["text"]):
        raise InvalidParameter('modalities must be ["text"]: models here answer with text', param="modalities")
    if wanted.top_logprobs is not None and not wanted.logprobs:
        raise InvalidValue("top_logprobs is only allowed with logprobs: true", param="top_logprobs")
    thinking = wanted.thinking
    if thinking is not None and (thinking.type == "enabled") == (thinking.budget_tokens is None):
        raise InvalidValue("thinking needs budget_tokens where its type is enabled, and only there", param="thinking")


def unheard(wanted: ChatRequest) -> Iterator[str]:
    """The names of what is asked for and goes to no model."""
    if wanted.stream_options is not None and wanted.stream_options.include_obfuscation:
        yield "stream_options.include_obfuscation"
    if wanted.max_completion_tokens and wanted.max_tokens not in (None, wanted.max_completion_tokens):
        yield "max_tokens"
    if wanted.user and wanted.safety_identifier not in (None, wanted.user):
        yield "safety_identifier"
    yield from openai_turns.unheard(wanted.messages)


def tool(given: ChatTool) -> Tool:
    """A tool."""
    function, control = given.function, given.cache_control
    cache = None if control is None else control.ttl or "5m"
    return Tool(function.name, function.description or "", function.parameters or NO_PARAMETERS, function.strict, cache)


def tool_choice(wanted: ChatRequest, tools: Sequence[Tool]) -> ToolChoice | None:
    """Whether a tool must be asked for."""
    given = wanted.tool_choice
    if given is None or (not tools and given in ("auto", "none")):
        return None
    choice = CHOICES.get(given) if isinstance(given, str) else ToolChoice("tool", given.function.name)
    if choice is None:
        raise InvalidValue(
            f"tool_choice ({str(given)[:50]!r}) must be auto, none, required, or name a function", param="tool_choice"
        )
    if not tools or (choice.name and all(tool.name != choice.name for tool in tools)):
        raise InvalidValue("tool_choice asks for a tool that is not among tools", param="tool_choice")
    return choice


def output(wanted: ChatRequest) -> OutputFormat | None:
    """The form of the answer."""
    match wanted.response_format:
        case FormatObject():
            return OutputFormat()
        case FormatSchema(json_schema):
            if json_schema.schema is None:
                raise InvalidValue("response_format.json_schema.schema is required", param="response_format.json_schema.schema")
            return OutputFormat(json_schema.schema, json_schema.name, json_schema.strict, json_schema.description or "")
    return None


def guardrail(given: GuardrailConfig | None) -> Guardrail | None:
    """The guardrail of the provider."""
    if given is None:
        return None
    return Guardrail(given.guardrailIdentifier, given.guardrailVersion, given.trace not in (None, "disabled"))


def response(completion: Completion, invocation: str, created: int) -> ChatCompletion:
    """The whole answer on the wire."""
    thoughts = [part for part in completion.content if isinstance(part, Thinking)]
    calls = [
        ChatToolCall(part.id, ChatFunctionCall(part.name, part.input))
        for part in completion.content
        if isinstance(part, ToolUse)
    ]
    message = ChatAnswer(
        "assistant",
        content=completion.text or (None if calls else ""),
        refusal=None,
        tool_calls=calls or None,
        reasoning_content="".join(part.text for part in thoughts) or None,
        thinking_blocks=[block(part) for part in thoughts if part.signature or part.redacted] or None,
    )
    logprobs = ChatLogprobs(completion.logprobs) if completion.logprobs else None
    choice = ChatChoice(0, message, logprobs, REASONS[completion.reason])
    return ChatCompletion(
        identity(invocation), "chat.completion", created, completion.model, (choice,), usage(completion.usage)
    )


def block(thought: Thinking, index: int | None = None) -> ThinkingBlock:
    """A thought as it has to be given back."""
    if thought.redacted:
        return ThinkingBlock("redacted_thinking", data=thought.redacted, index=index)
    return ThinkingBlock("thinking", thought.text, thought.signature, index=index)


def identity(invocation: str) -> str:
    """The id of an answer."""
    return f"chatcmpl-{invocation}"


def usage(tokens: Usage) -> ChatUsage:
    """Tokens on the wire."""
    return ChatUsage(
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.input_tokens + tokens.output_tokens,
        CachedTokens(tokens.cached_tokens, tokens.cache_written_tokens),
        ReasoningTokens(tokens.reasoning_tokens),
    )
