"""Anthropic's Messages API on the wire: what a request holds (platform.claude.com/docs/en/api/messages, as of 2026-11).

A block's member that is not here is refused by its name, as Anthropic refuses it. What is typed Any goes to no model: it is
refused or reported.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from apps.invocation.invocations import CacheLife

Name = Annotated[str, Meta(max_length=300, description="A name that /v1/models has.")]
Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Most tokens to write; above the model's limit, its limit.")]
Thoughts = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Most tokens to think.")]
Temperature = Annotated[float, Meta(ge=0, le=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Candidates = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Wire(Struct, frozen=True, forbid_unknown_fields=True):
    """An object that has no other members."""


class Typed(Wire, frozen=True, tag_field="type"):
    """One of several, told apart by `type`."""


class CacheControl(Wire, frozen=True):
    """The provider may keep everything up to here for so long."""

    type: Literal["ephemeral"]
    ttl: CacheLife = "5m"
    scope: Any = None


class Base64Source(Typed, frozen=True, tag="base64"):
    """Bytes in base64."""

    media_type: str
    data: str


class UrlSource(Typed, frozen=True, tag="url"):
    """A URL that the model's provider fetches; this platform never does."""

    url: str


class TextSource(Typed, frozen=True, tag="text"):
    """Plain text."""

    data: str
    media_type: Literal["text/plain"] = "text/plain"


class TextBlock(Typed, frozen=True, tag="text"):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: Any = None


class ImageBlock(Typed, frozen=True, tag="image"):
    """A picture."""

    source: Base64Source | UrlSource
    cache_control: CacheControl | None = None
    transformations: Any = None


class DocumentBlock(Typed, frozen=True, tag="document"):
    """A document: a PDF, or plain text."""

    source: Base64Source | TextSource
    title: str | None = None
    cache_control: CacheControl | None = None
    context: Any = None
    citations: Any = None


class ThinkingBlock(Typed, frozen=True, tag="thinking"):
    """What the model thought in an earlier turn, as it came."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Typed, frozen=True, tag="redacted_thinking"):
    """The same, encrypted by its provider."""

    data: str


class ToolUseBlock(Typed, frozen=True, tag="tool_use"):
    """The model asked for a tool."""

    id: str
    name: str
    input: dict[str, Any]
    cache_control: CacheControl | None = None
    caller: Any = None
    toolset_name: Any = None


class ToolResultBlock(Typed, frozen=True, tag="tool_result"):
    """What the tool gave."""

    tool_use_id: str
    content: str | list[TextBlock | ImageBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: Any = None


Block = TextBlock | ImageBlock | DocumentBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock


class MessageParam(Wire, frozen=True):
    """One turn; neighbours of one role are one turn. What has the role `system` is read before all turns."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ToolParam(Wire, frozen=True):
    """A tool that the caller runs. Those that a provider runs or defines have a `type`, and are refused."""

    name: str
    input_schema: dict[str, Any] | None = None
    description: str = ""
    type: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    allowed_callers: Any = None
    defer_loading: Any = None
    eager_input_streaming: Any = None
    input_examples: Any = None


class ToolChoiceParam(Wire, frozen=True):
    """Whether a tool must be used, and whether several may be at once."""

    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class ThinkingParam(Wire, frozen=True):
    """Whether the model thinks before it answers, and how much."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Thoughts | None = None
    display: Any = None
    block_binding: Any = None


class JsonFormat(Wire, frozen=True):
    """The answer is JSON that this schema allows."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Wire, frozen=True):
    """How the answer is to be."""

    effort: str | None = None
    format: JsonFormat | None = None
    task_budget: Any = None


class Metadata(Wire, frozen=True):
    """Who the caller's own user is, by an opaque id."""

    user_id: str | None = None


class CountTokensRequest(Struct, frozen=True, kw_only=True):
    """What is to be read, and how."""

    model: Name
    messages: Annotated[list[MessageParam], Meta(min_length=1)]
    system: str | list[TextBlock] | None = None
    tools: list[ToolParam] | None = None
    tool_choice: ToolChoiceParam | None = None
    thinking: ThinkingParam | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    cache_control: CacheControl | None = None
    container: Any = None
    inference_geo: Any = None
    mcp_servers: Any = None
    thread: Any = None


class MessagesRequest(CountTokensRequest, frozen=True, kw_only=True):
    """A conversation for the model to continue."""

    max_tokens: Tokens
    stream: bool = False
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Candidates | None = None
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
