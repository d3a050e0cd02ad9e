"""OpenAI's embeddings: POST /v1/embeddings (https://platform.openai.com/docs/api-reference/embeddings)."""

import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from apps.invocation.dialects.platform import Name
from apps.invocation.invocations import Embeddings, Message, Request, Role, Text
from foundation.errors import InvalidParameter, InvalidValue

MOST: Final = 2048  # texts in one request, as OpenAI has it


class EmbeddingsRequest(Struct, frozen=True):
    """One text, or up to 2,048. base64: that of the numbers as 32-bit floats, the lowest byte first."""

    model: Name
    input: Annotated[str | list[str | int | list[int]], Meta(description="A text, or a list of them. Tokens are refused.")]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    user: str | None = None


class EmbeddedText(Struct, frozen=True):
    """The unit vector of the `index`-th text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Struct, frozen=True):
    """Tokens of all texts together."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True):
    """A vector for each text, in their order."""

    object: Literal["list"]
    data: list[EmbeddedText]
    model: str
    usage: EmbeddingsUsage


def texts(wanted: EmbeddingsRequest) -> Sequence[str]:
    """The texts to embed. InvalidValue names the one that is empty, InvalidParameter one that is no text."""
    given = [wanted.input] if isinstance(wanted.input, str) else wanted.input
    if not 0 < len(given) <= MOST:
        raise InvalidValue(f"input holds {len(given)} texts; it must hold 1 to {MOST}", param="input")
    for place, each in enumerate(given):
        where = "input" if isinstance(wanted.input, str) else f"input[{place}]"
        if not isinstance(each, str):
            raise InvalidParameter(f"{where} is no text: tokens are of one model only; send the text itself", param=where)
        if not each:
            raise InvalidValue(f"{where} is empty", param=where)
    return [each for each in given if isinstance(each, str)]


def request(wanted: EmbeddingsRequest, texts: Sequence[str]) -> Request:
    """The request that embedding these texts is."""
    return Request(wanted.model, (Message(Role.USER, tuple(map(Text, texts))),), user=wanted.user)


def places(wanted: EmbeddingsRequest) -> Mapping[str, str]:
    """Where each text of the inner request stands in this one."""
    if isinstance(wanted.input, str):
        return {"messages[0].content[0]": "input"}
    return {f"messages[0].content[{n}]": f"input[{n}]" for n, _ in enumerate(wanted.input)}


def response(embeddings: Embeddings, encoding: str | None) -> EmbeddingList:
    """The vectors on the wire."""
    write = packed if encoding == "base64" else list[float]
    data = [EmbeddedText("embedding", place, write(vector)) for place, vector in enumerate(embeddings.vectors)]
    tokens = EmbeddingsUsage(embeddings.input_tokens, embeddings.input_tokens)
    return EmbeddingList("list", data, embeddings.model, tokens)


def packed(vector: Sequence[float]) -> str:
    """Base64 of the numbers as 32-bit floats, the lowest byte first."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
