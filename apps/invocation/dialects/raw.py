"""Bodies in a model provider's own form: POST /model/invoke_with_raw_input.

Every family has other names for the same few things (the table is the contract's, with OpenAI's chat form beside it).
These are read of a body, and members that the table does not have are left aside.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from apps.invocation.catalogue import held
from apps.invocation.dialects import platform
from apps.invocation.dialects.platform import InvokeRequest, InvokeResponse, Name, SystemPrompt, Turn, response
from apps.invocation.invocations import Request
from foundation.errors import Invalid
from foundation.unread import unread

__all__ = ["InvokeResponse", "RawRequest", "request", "response"]

GROUPS: Final = ("textGenerationConfig", "inferenceConfig")
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "messages": ("messages",),
    "prompt": ("prompt", "inputText", "message"),
    "system": ("system",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "maxTokens", "maxTokenCount", "max_gen_len"),
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP", "p"),
    "top_k": ("top_k", "topK", "k"),
    "stop": ("stop_sequences", "stopSequences", "stop"),
}


class RawRequest(Struct, frozen=True):
    """A model's id at its provider, and the body as that provider takes it."""

    model_id: Name
    raw_input: dict[str, Any]


class _Block(Struct, frozen=True):
    """A block of content that is text, with or without a `type`."""

    text: str


class _Turn(Struct, frozen=True):
    role: str
    content: str | list[_Block]


class _Body(Struct, frozen=True):
    """What is read of a body, under the names of the table."""

    messages: list[_Turn] | None = None
    prompt: str | None = None
    system: str | list[_Block] | None = None
    max_tokens: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    stop: str | list[str] | None = None


def request(wanted: RawRequest) -> Request:
    """The inner request. Invalid for an unknown id, and for a member, by its name, that has a form of no provider.

    To be called after `catalogue.soon`."""
    return platform.request(plain(wanted))


def places(wanted: RawRequest) -> Mapping[str, str]:
    """Where each part of the inner request stands in this one: of a prompt or of system texts, about."""
    found = platform.places(plain(wanted)).items()
    return {
        inner: f"raw_input.{where.replace('prompt[', 'messages[').replace('system_prompts', 'system')}"
        for inner, where in found
    }


def plain(wanted: RawRequest) -> InvokeRequest:
    """The same as the platform's own dialect has it."""
    name = held().name_of(wanted.model_id)
    try:
        body = msgspec.convert(named(wanted.raw_input), _Body)
        if body.messages is None and body.prompt is None:
            raise Invalid(f"raw_input has neither messages nor any of {', '.join(NAMES['prompt'])}")
        form = {
            "model_name": name,
            "prompt": body.prompt
            if body.messages is None
            else [Turn(turn.role, texts(turn.content)) for turn in body.messages],
            "max_tokens": body.max_tokens,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "top_k": body.top_k,
            "stop_sequences": [body.stop] if isinstance(body.stop, str) else body.stop,
            "system_prompts": system(body.system),
        }
        return msgspec.convert(form, InvokeRequest, strict=False)
    except msgspec.ValidationError as wrong:
        raise Invalid(f"raw_input: {wrong}") from wrong


def unsaid(wanted: RawRequest) -> frozenset[str]:
    """The fields of the inner request that are the dialect's defaults and not the caller's words."""
    return frozenset(platform.DEFAULTED) - named(wanted.raw_input).keys()


def named(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of a body under the names of the table; those of a group stand beside the others."""
    flat = dict(raw)
    for group in GROUPS:
        inner = raw.get(group)
        flat |= inner if isinstance(inner, dict) else {}
    return {
        ours: next(flat[name] for name in names if name in flat)
        for ours, names in NAMES.items()
        if any(name in flat for name in names)
    }


def unheard(wanted: RawRequest) -> Iterator[str]:
    """The names of what a body has beside that: members that the table does not have, second names of one parameter, and
    what stands in turns beside their texts."""
    raw = wanted.raw_input
    places = {name: name for name in raw if name not in GROUPS or not isinstance(raw[name], dict)}
    for group in GROUPS:
        inner = raw.get(group)
        places |= {name: f"{group}.{name}" for name in inner} if isinstance(inner, dict) else {}
    read = {next(filter(places.__contains__, names), "") for names in NAMES.values()}
    yield from sorted(f"raw_input.{places[name][:64]}" for name in places.keys() - read)
    given = named(raw)
    if given.keys() >= {"messages", "prompt"} and given["messages"] is not None:
        yield "raw_input.prompt"
    yield from sorted(
        f"raw_input.{name}" for name in unread(given, msgspec.convert(given, _Body)) if not name.endswith(".type")
    )


def texts(content: str | list[_Block]) -> str | list[dict[str, str]]:
    """Content as the platform's dialect has it."""
    return content if isinstance(content, str) else [{"text": block.text} for block in content]


def system(given: str | list[_Block] | None) -> list[SystemPrompt]:
    """System prompts from either of their forms."""
    blocks = [given] if isinstance(given, str) else [block.text for block in given or ()]
    return [SystemPrompt(text) for text in blocks]
