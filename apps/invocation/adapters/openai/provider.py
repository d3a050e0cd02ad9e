"""Any server that speaks OpenAI's chat completions and embeddings: Ollama, vLLM, llama.cpp, OpenAI itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from apps.invocation.adapters.counts import told
from apps.invocation.adapters.http import TIMEOUTS, Server, Timeouts, read_on
from apps.invocation.adapters.openai.asking import chat
from apps.invocation.adapters.openai.shapes import (
    CHUNK,
    EMBEDDINGS,
    RANKING,
    Reading,
    completion,
    order,
    read,
    tokens_read,
    vectors,
)
from apps.invocation.adapters.refusals import REFUSALS, Refusals, problem
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request, Usage
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import Blocked, Invalid, InvalidValue, Problem, UpstreamDenied, UpstreamFailed
from foundation.settings import Settings

DONE: Final = b"[DONE]"
TEXTS_AT_ONCE: Final = 96
ENCODE: Final = msgspec.json.Encoder().encode
FILTERS: Final = frozenset({"content_filter", "content_policy_violation"})


def adapter(settings: Settings, connection: Connection) -> "OpenAICompatible":
    """The connection's server with its key, or that of OPENAI_BASE_URL. A server of its own never gets OPENAI_API_KEY."""
    if connection.key:
        return OpenAICompatible(
            connection.base_url or settings.openai_base_url, secrets.get(connection.key) or "", connection.key
        )
    if connection.base_url:
        return OpenAICompatible(connection.base_url)
    return OpenAICompatible(settings.openai_base_url, settings.openai_api_key, "OPENAI_API_KEY")


class OpenAICompatible:
    """The Provider port over HTTP. key_name is what an error calls the key; empty: there is none."""

    honours = frozenset(
        {
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "tools",
            "tool_choice",
            "parallel_tools",
            "strict_tools",
            "output",
            "described_output",
            "system_turns",
            "effort",
            "service_tier",
            "user",
            "image",
            "document",
        }
    )

    def __init__(self, base_url: str, api_key: str = "", key_name: str = "", timeouts: Timeouts = TIMEOUTS) -> None:
        shown = key_name or "a request without a key"
        self.refusals: Refusals = {
            **REFUSALS,
            401: (UpstreamDenied, f"the model server does not accept {shown}"),
            403: (UpstreamDenied, f"the model server does not let {shown} do this"),
        }
        self.server = Server(base_url, {"Authorization": f"Bearer {api_key}"} if api_key else {}, timeouts, self._refused)

    def prepare(self) -> None:
        """Nothing: the server is somebody else's."""

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        reading = Reading(request)
        async with aclosing(self.server.events("chat/completions", ENCODE(chat(request, stream=True)))) as payloads:
            async for data in payloads:
                if data == DONE:
                    await read_on(payloads)
                    break
                for event in reading.events(read(CHUNK, data)):
                    yield event
        yield reading.finish()

    async def complete(self, request: Request) -> Completion:
        answer = await self.server.whole("chat/completions", ENCODE(chat(request, stream=False)))
        return completion(request, read(CHUNK, answer))

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        wanted = {"model": model, "query": query, "documents": documents}
        body = wanted if top is None else {**wanted, "top_n": top}
        answer = read(RANKING, await self.server.whole("rerank", ENCODE(body)))
        counted = tokens_read(answer.usage)
        tokens = told(counted, len(query) + sum(map(len, documents)))
        return Ranking(order(answer, len(documents))[:top], Usage(tokens, 0, estimated=counted is None))

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        made: list[Sequence[float]] = []
        tokens, guessed = 0, False
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            try:
                found, counted = await self._embedded(model, part, dimensions)
            except Problem as failed:
                failed.used = tokens
                raise
            tokens, guessed = tokens + told(counted, sum(map(len, part))), guessed or counted is None
            made += found
        if dimensions is not None and any(len(vector) != dimensions for vector in made):
            raise InvalidValue(f"{model} makes vectors of {len(made[0])} dimensions, not of {dimensions}", param="dimensions")
        return Embeddings(made, tokens, estimated=guessed)

    async def _embedded(
        self, model: str, texts: Sequence[str], dimensions: int | None
    ) -> tuple[list[Sequence[float]], int | None]:
        """Vectors of texts that go together, and their tokens where the server says them."""
        answer = read(EMBEDDINGS, await self.server.whole("embeddings", ENCODE(embedding(model, texts, dimensions))))
        found = vectors(answer)
        if len(found) != len(texts):
            raise UpstreamFailed(f"{model} made {len(found)} embeddings of {len(texts)} texts")
        return found, tokens_read(answer.usage)

    def _refused(self, status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
        """What a bad status means; what the server's own filter kept back is Blocked."""
        meant = problem(status, body, headers, self.refusals)
        return Blocked(meant.detail) if isinstance(meant, Invalid) and code_of(body) in FILTERS else meant


def embedding(model: str, texts: Sequence[str], dimensions: int | None) -> Mapping[str, Any]:
    """The body of a request for embeddings."""
    body = {"model": model, "input": texts, "encoding_format": "float"}
    return body if dimensions is None else {**body, "dimensions": dimensions}


def code_of(body: bytes) -> str:
    """The code in an error's body; empty when it has none."""
    try:
        return str(msgspec.json.decode(body)["error"]["code"])
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError):
        return ""
