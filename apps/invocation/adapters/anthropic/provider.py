"""Anthropic's own API: messages, whole or streamed, and the count of their tokens."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from apps.invocation.adapters.anthropic.asking import asked, counted
from apps.invocation.adapters.anthropic.shapes import COUNT, EVENT, MESSAGE, Reading, Said, completion, read
from apps.invocation.adapters.counts import count
from apps.invocation.adapters.http import TIMEOUTS, Server, Timeouts, read_on
from apps.invocation.adapters.refusals import REFUSALS, Refusals, problem
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request, json_of
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import Blocked, Invalid, Problem, Unavailable, UpstreamDenied
from foundation.settings import Settings

VERSION: Final = "2023-06-01"
MESSAGES: Final = "v1/messages"
TOKENS: Final = "v1/messages/count_tokens"
ENCODE: Final = msgspec.json.Encoder().encode
# The status that an error has which comes after the answer has begun (https://platform.claude.com/docs/en/api/errors).
STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# What else Anthropic says with the status 400, in lower case: that its own filter kept an answer back, and that the account
# is empty or at its limit, which is not the caller's doing.
MEANT: Final[Mapping[str, type[Problem]]] = {
    "content filtering policy": Blocked,
    "credit balance is too low": UpstreamDenied,
    "reached your specified api usage limits": UpstreamDenied,
}


def adapter(settings: Settings, connection: Connection) -> "AnthropicApi":
    """The connection's server with its key, or Anthropic's. A server of its own never gets ANTHROPIC_API_KEY."""
    base_url = connection.base_url or settings.anthropic_base_url
    if connection.key:
        return AnthropicApi(base_url, secrets.get(connection.key) or "", connection.key)
    if connection.base_url:
        return AnthropicApi(base_url)
    return AnthropicApi(base_url, settings.anthropic_api_key, "ANTHROPIC_API_KEY")


class AnthropicApi:
    """The Provider port over HTTP. key_name is what an error calls the key; empty: the server wants none."""

    honours = frozenset(
        {
            "max_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "tools",
            "tool_choice",
            "parallel_tools",
            "strict_tools",
            "output",
            "thinking_tokens",
            "thinking_mode",
            "effort",
            "service_tier",
            "user",
            "image",
            "document",
            "thinking",
            "cache",
        }
    )

    def __init__(self, base_url: str, api_key: str = "", key_name: str = "", timeouts: Timeouts = TIMEOUTS) -> None:
        self.api_key, self.key_name = api_key, key_name
        self.refusals: Refusals = {
            **REFUSALS,
            401: (UpstreamDenied, f"the model server does not accept {key_name or 'a request without a key'}"),
            403: (UpstreamDenied, f"the model server does not let {key_name or 'a request without a key'} do this"),
        }
        headers = {"anthropic-version": VERSION, **({"x-api-key": api_key} if api_key else {})}
        self.server = Server(base_url, headers, timeouts, self._refused)

    def prepare(self) -> None:
        if self.key_name and not self.api_key:
            raise Unavailable(f"{self.key_name} is not set; Anthropic's models need the key of an Anthropic account")

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        reading = Reading(request)
        async with aclosing(self.server.events(MESSAGES, ENCODE(asked(request, stream=True)))) as payloads:
            async for data in payloads:
                told = read(EVENT, data)
                self._good(told)
                for event in reading.events(told):
                    yield event
                if reading.ended:
                    await read_on(payloads)
                    break
        yield reading.finish()

    async def complete(self, request: Request) -> Completion:
        said = read(MESSAGE, await self.server.whole(MESSAGES, ENCODE(asked(request, stream=False))))
        self._good(said)
        return completion(request, said)

    async def count(self, request: Request) -> int | None:
        return count(read(COUNT, await self.server.whole(TOKENS, ENCODE(counted(request)))).input_tokens)

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        raise Invalid(f"{model} makes no embeddings: Anthropic has no such model")

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        raise Invalid(f"{model} ranks no documents: Anthropic has no such model")

    def _good(self, said: Said) -> None:
        """Raise the error that is in the place of a message or of an event, with the status that it would have had."""
        if said.type == "error" or said.error is not None:
            kind = said.error.get("type") if isinstance(said.error, dict) else None
            raise self._refused(STATUSES.get(str(kind), 500), json_of({"error": said.error}).encode(), {})

    def _refused(self, status: int, body: bytes, headers: Mapping[str, Any]) -> Problem:
        """What a bad status means."""
        meant = problem(status, body, headers, self.refusals)
        if status != 400:
            return meant
        detail = meant.detail.lower()
        return next((kind(meant.detail) for words, kind in MEANT.items() if words in detail), meant)
