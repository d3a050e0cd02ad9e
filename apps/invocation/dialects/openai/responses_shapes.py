"""The wire shapes of OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses).

What cannot be done here is in the shapes too, to be refused.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from apps.invocation.dialects.openai.chat_shapes import CacheBreakpoint, Likeliest
from apps.invocation.dialects.platform import Name, Probability, Temperature, Tokens


class InputText(Struct, frozen=True, tag="input_text"):
    """Text."""

    text: str
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class InputImage(Struct, frozen=True, tag="input_image"):
    """A picture: a data URL, or a URL that the model's provider fetches."""

    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class InputFile(Struct, frozen=True, tag="input_file"):
    """A document, as a data URL."""

    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class OutputText(Struct, frozen=True, tag="output_text"):
    """What the model said. `logprobs`: how likely each token was, where that was asked for."""

    text: str
    annotations: tuple[Any, ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] | None = ()


class Refusal(Struct, frozen=True, tag="refusal"):
    """What the model said when it refused."""

    refusal: str


class ReasoningText(Struct, frozen=True, tag="reasoning_text"):
    """What the model thought."""

    text: str


class SummaryText(Struct, frozen=True, tag="summary_text"):
    """The short of what the model thought."""

    text: str


Content = InputText | InputImage | InputFile | OutputText | Refusal | ReasoningText


class Item(Struct, frozen=True):
    """One item of the input. `type` says what it is, and which of the members it has.

    message (or no type): role (user, assistant, system or developer) and content. function_call: call_id, name and
    arguments. function_call_output: call_id and output. reasoning: content or summary, and encrypted_content. id and status,
    which items of an answer have, say nothing.
    """

    type: str = "message"
    role: str | None = None
    content: str | list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Content] | None = None
    summary: list[SummaryText] = []
    encrypted_content: str | None = None
    id: Any = None
    status: Any = None


class FunctionTool(Struct, frozen=True):
    """A function that the model may ask for; parameters: the JSON schema of its arguments. Other types are refused."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ChosenTool(Struct, frozen=True):
    """The function that must be asked for; or, as `allowed_tools`, those that may be (auto) or must be (required)."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: "list[ChosenTool]" = []


class TextFormat(Struct, frozen=True, tag="text"):
    """The answer is text."""


class ObjectFormat(Struct, frozen=True, tag="json_object"):
    """The answer is some JSON object."""


class SchemaFormat(Struct, frozen=True, tag="json_schema"):
    """The answer is JSON that a schema allows."""

    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct, frozen=True):
    """The form of the answer."""

    format: TextFormat | ObjectFormat | SchemaFormat = TextFormat()
    verbosity: str | None = None


class Reasoning(Struct, frozen=True):
    """How much the model may think."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class ResponsesRequest(Struct, frozen=True):
    """A text or a conversation, and how it is to be answered. Nothing is kept: every request brings its conversation."""

    model: Name
    input: str | Annotated[list[Item], Meta(min_length=1)]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_logprobs: Likeliest | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    truncation: str | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: Any = None
    conversation: Any = None
    prompt: Any = None
    moderation: Any = None
    context_management: Any = None


Status = Literal["in_progress", "completed", "incomplete", "failed"]


class MessageItem(Struct, frozen=True, tag="message"):
    """What the model said."""

    id: str
    status: Status
    content: tuple[OutputText, ...] = ()
    role: Literal["assistant"] = "assistant"


class ReasoningItem(Struct, frozen=True, tag="reasoning"):
    """What the model thought; given back as it is, its provider knows it again by encrypted_content."""

    id: str
    status: Status
    summary: tuple[SummaryText, ...] = ()
    content: tuple[ReasoningText, ...] = ()
    encrypted_content: str | None = None


class FunctionCallItem(Struct, frozen=True, tag="function_call"):
    """The model asks for a function."""

    id: str
    status: Status
    call_id: str
    name: str
    arguments: str = ""


OutputItem = MessageItem | ReasoningItem | FunctionCallItem


class InputDetails(Struct, frozen=True):
    """Of the tokens read: those from the provider's cache, and those that were put there."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Struct, frozen=True):
    """Of the tokens written: thoughts."""

    reasoning_tokens: int


class ResponseUsage(Struct, frozen=True):
    """Tokens."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseProblem(Struct, frozen=True):
    """Why there is no answer."""

    code: str
    message: str


class Incomplete(Struct, frozen=True):
    """Why the answer is not whole."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseObject(Struct, frozen=True, kw_only=True):
    """An answer, whole or under way; `model` is the name that was asked for, the header x-served-by has the one that
    answered."""

    id: str
    created_at: int
    status: Status
    model: str
    object: Literal["response"] = "response"
    output: tuple[OutputItem, ...] = ()
    usage: ResponseUsage | None = None
    error: ResponseProblem | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, str] = {}
    parallel_tool_calls: bool = True
    previous_response_id: None = None
    reasoning: Reasoning = Reasoning()
    service_tier: str | None = None
    store: Literal[False] = False
    temperature: float | None = None
    text: TextConfig = TextConfig()
    tool_choice: str | ChosenTool = "auto"
    tools: list[FunctionTool] = []
    top_p: float | None = None
    truncation: str = "disabled"
    user: str | None = None
