"""What OpenAI's chat completions answer, on the wire; streamed chunks are in chunks.py."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from apps.invocation.dialects.openai.chat_shapes import ChatToolCall, ThinkingBlock


class CachedTokens(Struct, frozen=True):
    """Of the tokens read: those from the provider's cache, and those that were put there."""

    cached_tokens: int
    cache_write_tokens: int


class ReasoningTokens(Struct, frozen=True):
    """Of the tokens written: thoughts."""

    reasoning_tokens: int


class ChatUsage(Struct, frozen=True):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class ChatLogprobs(Struct, frozen=True):
    """How likely each token was."""

    content: tuple[Mapping[str, Any], ...]
    refusal: None = None


class ChatAnswer(Struct, frozen=True, omit_defaults=True):
    """The model's turn."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ChatToolCall] | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[ThinkingBlock] | None = None


class ChatChoice(Struct, frozen=True):
    """The answer; finish_reason: stop, length, tool_calls or content_filter."""

    index: int
    message: ChatAnswer
    logprobs: ChatLogprobs | None
    finish_reason: str


class ChatCompletion(Struct, frozen=True):
    """A whole answer; `model` is the name that was asked for, the header x-served-by has the one that answered."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: ChatUsage
