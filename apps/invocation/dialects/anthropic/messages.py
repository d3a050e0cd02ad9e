"""Anthropic's Messages API, inwards: what POST /v1/messages and /v1/messages/count_tokens ask, as the inner request."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from apps.invocation import folding
from apps.invocation.dialects.anthropic.shapes import (
    Block,
    CacheControl,
    CountTokensRequest,
    DocumentBlock,
    ImageBlock,
    MessageParam,
    MessagesRequest,
    OutputConfig,
    RedactedThinkingBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ThinkingParam,
    ToolChoiceParam,
    ToolParam,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)
from apps.invocation.invocations import (
    CacheLife,
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Request,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    json_of,
)
from foundation.errors import InvalidParameter, InvalidValue

REFUSED: Final[Mapping[str, str]] = {
    "container": "this platform keeps no containers of a provider",
    "inference_geo": "where a model runs is said by its deployments in the catalogue",
    "mcp_servers": "this platform lets no provider call other servers",
    "thread": "this platform keeps no conversations at a provider",
}
REPORTED: Final[Mapping[type[Any], tuple[str, ...]]] = {
    TextBlock: ("citations",),
    ImageBlock: ("transformations",),
    DocumentBlock: ("context", "citations"),
    ToolUseBlock: ("cache_control", "caller", "toolset_name"),
    ToolResultBlock: ("toolset_name",),
    ToolParam: ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples"),
    ThinkingParam: ("display", "block_binding"),
    OutputConfig: ("task_budget",),
}
SAYS_NOTHING: Final[tuple[Any, ...]] = (None, False, "", [], {}, {"type": "direct"})  # the last: a caller that is the model
BETAS: Final = "anthropic-beta"
# The dialect's own names of the inner request's fields (see honoured).
WORDS: Final[Mapping[str, str]] = {
    "stop": "stop_sequences",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "output": "output_config.format",
    "strict_tools": "tools.strict",
    "effort": "output_config.effort",
    "thinking_tokens": "thinking",
    "thinking_mode": "thinking",
    "user": "metadata.user_id",
    "cache": "cache_control",
}


def request(wanted: CountTokensRequest) -> Request:
    """The inner request. InvalidParameter for what cannot be left aside without changing what was asked."""
    for name, reason in REFUSED.items():
        if getattr(wanted, name) is not None:
            raise InvalidParameter(f"{name} cannot be honoured: {reason}", param=name)
    turns = [turn(message) for message in wanted.messages]
    if not any(each.content for each in turns if each.role is not Role.SYSTEM):
        raise InvalidValue("messages holds no turn of the user or the assistant that says something", param="messages")
    said, messages = folding.conversation(each for each in turns if each.content)
    config = wanted.output_config
    tools = tuple(tool(place, each) for place, each in enumerate(wanted.tools or ()))
    made = Request(
        model=wanted.model,
        messages=messages,
        system=(*system(texts(wanted.system), "system"), *said),
        tools=tools,
        tool_choice=choice(wanted.tool_choice, tools),
        parallel_tools=parallel(wanted.tool_choice) if tools else None,
        output=output(wanted),
        thinking_tokens=budget(wanted.thinking),
        thinking_mode=MODES[wanted.thinking.type] if wanted.thinking else None,
        effort=config.effort if config else None,
    )
    made = sampled(made, wanted) if isinstance(wanted, MessagesRequest) else made
    return kept(made, wanted.cache_control.ttl) if wanted.cache_control else made


MODES: Final[Mapping[str, Any]] = {"enabled": None, "disabled": "off", "adaptive": "adaptive", "between_tools": "between_tools"}


def sampled(made: Request, wanted: MessagesRequest) -> Request:
    """With what says how the answer is chosen, and for whom."""
    return replace(
        made,
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        top_k=wanted.top_k,
        stop=tuple(wanted.stop_sequences or ()),
        service_tier=wanted.service_tier,
        user=wanted.metadata.user_id if wanted.metadata else None,
    )


def ignored(wanted: CountTokensRequest, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The names of what goes to no model: members that no provider gets, and the beta features that a header asks for."""
    betas = [f"{BETAS}={name.strip()}" for name in headers.get(BETAS, "").split(",") if name.strip()]
    return (*unheard(wanted), *betas)


def unheard(wanted: CountTokensRequest) -> Iterator[str]:
    """The members of the body that no provider gets, each by its path."""
    for path, each in (*visited(wanted), ("thinking", wanted.thinking), ("output_config", wanted.output_config)):
        for name in REPORTED.get(type(each), ()):
            if getattr(each, name) not in SAYS_NOTHING:
                yield f"{path}.{name}"
        control = getattr(each, "cache_control", None)
        if control is not None and control.scope:
            yield f"{path}.cache_control.scope"


def visited(wanted: CountTokensRequest) -> Iterator[tuple[str, Any]]:
    """Every block and every tool, with its path."""
    if isinstance(wanted.system, list):
        yield from ((f"system.{place}", block) for place, block in enumerate(wanted.system))
    for turn, message in enumerate(wanted.messages):
        if isinstance(message.content, list):
            for place, block in enumerate(message.content):
                yield f"messages.{turn}.content.{place}", block
                inner = block.content if isinstance(block, ToolResultBlock) and isinstance(block.content, list) else ()
                yield from ((f"messages.{turn}.content.{place}.content.{n}", each) for n, each in enumerate(inner))
    yield from ((f"tools.{place}", each) for place, each in enumerate(wanted.tools or ()))


def turn(message: MessageParam) -> Message:
    """One turn; InvalidParameter where the application itself says what is no text."""
    role, given = Role(message.role), message.content
    content = (Text(given),) if isinstance(given, str) else tuple(map(part, given))
    return Message(role, tuple(system(content, "messages")) if role is Role.SYSTEM else content)


def part(block: Block) -> Part:
    """A block as the inner part that it is."""
    match block:
        case TextBlock():
            return Text(block.text, life(block.cache_control))
        case ImageBlock():
            return image(block)
        case DocumentBlock():
            return document(block)
        case ThinkingBlock():
            return Thinking(block.thinking, block.signature)
        case RedactedThinkingBlock():
            return Thinking("", redacted=block.data)
        case ToolUseBlock():
            return ToolUse(block.id, block.name, json_of(block.input))
        case ToolResultBlock():
            return result(block)


def life(control: CacheControl | None) -> CacheLife | None:
    """For how long the provider may keep what ends here."""
    return control.ttl if control is not None else None


def image(block: ImageBlock) -> Image:
    """A picture."""
    source, cache = block.source, life(block.cache_control)
    return (
        Image(url=source.url, cache=cache)
        if isinstance(source, UrlSource)
        else Image(source.media_type, source.data, "", cache)
    )


def document(block: DocumentBlock) -> Document:
    """A document; plain text is one too."""
    source, name, cache = block.source, block.title or "document", life(block.cache_control)
    if isinstance(source, TextSource):
        return Document(source.media_type, b64encode(source.data.encode()).decode(), name, cache)
    return Document(source.media_type, source.data, name, cache)


def result(block: ToolResultBlock) -> ToolResult:
    """What a tool gave."""
    given = block.content or ()
    content = (Text(given),) if isinstance(given, str) else tuple(pieces(given))
    return ToolResult(block.tool_use_id, content, bool(block.is_error), life(block.cache_control))


def pieces(blocks: Iterable[TextBlock | ImageBlock]) -> Iterator[Text | Image]:
    """The texts and pictures of a tool's result."""
    for block in blocks:
        yield Text(block.text, life(block.cache_control)) if isinstance(block, TextBlock) else image(block)


def texts(given: str | list[TextBlock] | None) -> tuple[Part, ...]:
    """The system prompt."""
    return (Text(given),) if isinstance(given, str) else tuple(map(part, given or ()))


def system(content: Iterable[Part], place: str) -> Iterator[Text]:
    """What the application itself says; InvalidParameter where that is no text."""
    for each in content:
        if not isinstance(each, Text):
            raise InvalidParameter(f"{place}: what the role system says must be text", param=place)
        if each.text:
            yield each


def tool(place: int, wanted: ToolParam) -> Tool:
    """A tool; InvalidParameter for one that the provider would run or define."""
    if wanted.type is not None and wanted.type != "custom":
        raise InvalidParameter(
            f"tools.{place} is of the type {wanted.type[:100]!r}; this platform passes on only tools that the caller runs and "
            "describes by an input_schema",
            param=f"tools.{place}.type",
        )
    if wanted.input_schema is None:
        raise InvalidValue(f"tools.{place}.input_schema is missing", param=f"tools.{place}.input_schema")
    return Tool(wanted.name, wanted.description, wanted.input_schema, wanted.strict, life(wanted.cache_control))


def choice(wanted: ToolChoiceParam | None, tools: Sequence[Tool]) -> ToolChoice | None:
    """Whether a tool must be asked for; InvalidValue where there is none that could be."""
    if wanted is None or (not tools and wanted.type in ("auto", "none")):
        return None
    if wanted.type == "tool" and not wanted.name:
        raise InvalidValue("tool_choice.name is missing", param="tool_choice.name")
    if not tools or (wanted.name and all(each.name != wanted.name for each in tools)):
        raise InvalidValue("tool_choice asks for a tool that is not among tools", param="tool_choice")
    return ToolChoice(wanted.type, wanted.name)


def parallel(wanted: ToolChoiceParam | None) -> bool | None:
    """Whether several tools may be asked for at once, where that is said."""
    return None if wanted is None or wanted.disable_parallel_tool_use is None else not wanted.disable_parallel_tool_use


def output(wanted: CountTokensRequest) -> OutputFormat | None:
    """The JSON that the answer must be; `output_format` is the name that this had before output_config."""
    form = (wanted.output_config.format if wanted.output_config else None) or wanted.output_format
    return None if form is None else OutputFormat(form.schema)


def budget(wanted: ThinkingParam | None) -> int | None:
    """How many tokens the model may think."""
    if wanted is None or wanted.type != "enabled":
        return None
    if wanted.budget_tokens is None:
        raise InvalidValue("thinking.budget_tokens is missing", param="thinking.budget_tokens")
    return wanted.budget_tokens


def kept(made: Request, ttl: CacheLife) -> Request:
    """With a cache point at the last part of the conversation that can have one."""
    turns = list(made.messages)
    for turn in range(len(turns) - 1, -1, -1):
        if turns[turn].role is Role.SYSTEM:
            continue
        content = list(turns[turn].content)
        for place in range(len(content) - 1, -1, -1):
            each = content[place]
            if isinstance(each, Text | Image | Document | ToolResult):
                content[place] = replace(each, cache=ttl)
                turns[turn] = replace(turns[turn], content=tuple(content))
                return replace(made, messages=tuple(turns))
    return made
