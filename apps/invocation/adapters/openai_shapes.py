"""OpenAI's answers: a stream of chat completion chunks, or the whole completion from a server that does not stream."""

import math
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from aiohttp import ClientResponse
from msgspec import Struct

from apps.invocation.invocations import Event, Finish, StopReason, TextDelta, Usage
from foundation.errors import UpstreamFailed

DATA: Final = b"data:"
DONE: Final = b"[DONE]"
REASONS: Final = {"length": StopReason.LENGTH, "content_filter": StopReason.FILTERED}
CHARACTERS_A_TOKEN: Final = 4


class Words(Struct, frozen=True):
    """A message, or a piece of one."""

    content: str | None = None


class Choice(Struct, frozen=True):
    """`delta` in a stream, `message` in a whole answer."""

    delta: Words | None = None
    message: Words | None = None
    finish_reason: str | None = None


class Counted(Struct, frozen=True):
    """Tokens as the server counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(Struct, frozen=True):
    """One piece of an answer, or all of it."""

    choices: list[Choice] = []
    usage: Counted | None = None
    error: Any = None


class Vector(Struct, frozen=True):
    """One embedding and the place of its text."""

    embedding: list[float]
    index: int


class EmbeddingsAnswer(Struct, frozen=True):
    """The answer of the embeddings endpoint."""

    data: list[Vector]
    usage: Counted = Counted()


CHUNK: Final = msgspec.json.Decoder(Chunk)


async def events(answer: ClientResponse, asked_characters: int) -> AsyncIterator[Event]:
    """The events of a good answer. UpstreamFailed when it is none, holds an error, or ends before its end.

    A server that counts no tokens has them estimated, a token for each 4 characters.
    """
    written, reason, usage = 0, None, None
    async for data in payloads(answer):
        chunk = decoded(data)
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            words = choice.delta or choice.message
            reason = choice.finish_reason or reason
            if words is not None and words.content:
                written += len(words.content)
                yield TextDelta(words.content)
    if reason is None:
        raise UpstreamFailed("the model server's answer ended before its end")
    counted = usage or Counted(estimated(asked_characters), estimated(written))
    yield Finish(Usage(counted.prompt_tokens, counted.completion_tokens), REASONS.get(reason, StopReason.END))


def estimated(characters: int) -> int:
    """About how many tokens so many characters are."""
    return math.ceil(characters / CHARACTERS_A_TOKEN)


async def payloads(answer: ClientResponse) -> AsyncIterator[bytes]:
    """The JSON texts in an answer: the one of its body, or those of its server-sent events."""
    if answer.content_type != "text/event-stream":
        yield await answer.read()
        return
    async for line in answer.content:
        if line.startswith(DATA) and (data := line[len(DATA) :].strip()) not in (b"", DONE):
            yield data


def decoded(data: bytes) -> Chunk:
    """One piece; UpstreamFailed when it cannot be read or is an error."""
    try:
        chunk = CHUNK.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as odd:
        raise UpstreamFailed(f"the model server's answer cannot be read: {odd}") from odd
    if chunk.error is not None:
        error = chunk.error
        raise UpstreamFailed(f"the model server failed: {error.get('message') if isinstance(error, dict) else error}")
    return chunk
