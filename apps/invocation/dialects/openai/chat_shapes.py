"""What OpenAI's chat completions are asked, on the wire (https://platform.openai.com/docs/api-reference/chat).

Beside them stand the members by which others have extended it: top_k (vLLM), reasoning_content (DeepSeek), thinking,
thinking_blocks, cache_control and guardrailConfig (LiteLLM). What no model here can do is in the shapes too, to be refused.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from apps.invocation.dialects.platform import Name, Probability, Temperature, Tokens

Penalty = Annotated[float, Meta(ge=-2, le=2)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Likeliest = Annotated[int, Meta(ge=0, le=20, description="So many likeliest tokens beside each chosen one.")]
Candidates = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Choose among this many likeliest words.")]


class CacheControl(Struct, frozen=True):
    """The provider may keep everything up to here."""

    type: Literal["ephemeral"] = "ephemeral"
    ttl: Literal["5m", "1h"] | None = None


class CacheBreakpoint(Struct, frozen=True):
    """OpenAI's own word for the same."""

    mode: Literal["explicit"] = "explicit"
    ttl: str | None = None


class ChatText(Struct, frozen=True, tag="text"):
    """Content that is text."""

    text: str
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class ChatRefusal(Struct, frozen=True, tag="refusal"):
    """What the model said when it refused."""

    refusal: str


class ChatImageURL(Struct, frozen=True):
    """A data URL with the picture's base64, or a URL that the model's provider fetches."""

    url: str
    detail: str | None = None


class ChatImage(Struct, frozen=True, tag="image_url"):
    """Content that is a picture."""

    image_url: ChatImageURL
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class ChatFileContent(Struct, frozen=True):
    """A data URL with the document's base64, and its name."""

    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class ChatFile(Struct, frozen=True, tag="file"):
    """Content that is a document."""

    file: ChatFileContent
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class ChatSystem(Struct, frozen=True, tag="system", tag_field="role"):
    """What the application itself tells the model."""

    content: str | list[ChatText]
    name: str | None = None


class ChatDeveloper(Struct, frozen=True, tag="developer", tag_field="role"):
    """The same, under its newer name."""

    content: str | list[ChatText]
    name: str | None = None


class ChatUser(Struct, frozen=True, tag="user", tag_field="role"):
    """A turn of the user."""

    content: str | list[ChatText | ChatImage | ChatFile]
    name: str | None = None


class ChatFunctionCall(Struct, frozen=True):
    """The name of a function, and the JSON text of its arguments as the model wrote it."""

    name: str
    arguments: str


class ChatToolCall(Struct, frozen=True):
    """The model asks for a tool."""

    id: str
    function: ChatFunctionCall
    type: Literal["function"] = "function"


class ThinkingBlock(Struct, frozen=True, omit_defaults=True):
    """A thought with the signature by which its provider knows it again; or `data`, which only the provider can read."""

    type: Literal["thinking", "redacted_thinking"]
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    index: int | None = None


class ChatAssistant(Struct, frozen=True, tag="assistant", tag_field="role"):
    """A turn of the model; the last one of a conversation is the beginning of its answer."""

    content: str | list[ChatText | ChatRefusal] | None = None
    refusal: str | None = None
    tool_calls: list[ChatToolCall] | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[ThinkingBlock] | None = None
    name: str | None = None


class ChatToolResult(Struct, frozen=True, tag="tool", tag_field="role"):
    """What a tool gave."""

    tool_call_id: str
    content: str | list[ChatText | ChatImage]


ChatMessage = ChatSystem | ChatDeveloper | ChatUser | ChatAssistant | ChatToolResult


class ChatFunction(Struct, frozen=True):
    """A function that the model may ask for; parameters: the JSON schema of its arguments."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ChatTool(Struct, frozen=True):
    """A tool; of OpenAI's kinds, functions."""

    function: ChatFunction
    type: Literal["function"] = "function"
    cache_control: CacheControl | None = None


class ChatNamed(Struct, frozen=True):
    """A name."""

    name: str


class ChatNamedTool(Struct, frozen=True):
    """The one tool that must be asked for."""

    function: ChatNamed
    type: Literal["function"] = "function"


class FormatText(Struct, frozen=True, tag="text"):
    """The answer is text."""


class FormatObject(Struct, frozen=True, tag="json_object"):
    """The answer is some JSON object."""


class ChatSchema(Struct, frozen=True):
    """A JSON schema that the answer keeps to."""

    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class FormatSchema(Struct, frozen=True, tag="json_schema"):
    """The answer is JSON that a schema allows."""

    json_schema: ChatSchema


class StreamOptions(Struct, frozen=True):
    """Whether a last chunk tells the tokens."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatThinking(Struct, frozen=True):
    """How much the model may think before it answers."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Tokens | None = None


class GuardrailConfig(Struct, frozen=True):
    """A guardrail of Bedrock."""

    guardrailIdentifier: str
    guardrailVersion: str
    trace: Literal["enabled", "disabled", "enabled_full"] | None = None


class ChatRequest(Struct, frozen=True):
    """A conversation, and how it is to be continued."""

    model: Name
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Candidates | None = None
    stop: str | list[str] | None = None
    seed: Seed | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logprobs: bool | None = None
    top_logprobs: Likeliest | None = None
    tools: list[ChatTool] | None = None
    tool_choice: str | ChatNamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: FormatText | FormatObject | FormatSchema | None = None
    reasoning_effort: str | None = None
    thinking: ChatThinking | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    guardrailConfig: GuardrailConfig | None = None
    n: int | None = None
    audio: Any = None
    functions: Any = None
    function_call: Any = None
    logit_bias: Any = None
    modalities: Any = None
    moderation: Any = None
    web_search_options: Any = None
