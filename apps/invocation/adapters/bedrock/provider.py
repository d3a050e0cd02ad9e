"""Models of Amazon Bedrock: Converse and ConverseStream for text, InvokeModel for embeddings and rerankers."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from apps.invocation.adapters.bedrock.answers import completion, counted, events
from apps.invocation.adapters.bedrock.embeddings import Embedder, embedder, ranked, reranking, unit
from apps.invocation.adapters.bedrock.families import family, foundation, lost
from apps.invocation.adapters.bedrock.requests import asked
from apps.invocation.adapters.bedrock.wire import Runtime, endpoint
from apps.invocation.adapters.counts import told
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request, Usage
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import Invalid, Problem, TooLong, UpstreamFailed
from foundation.settings import Settings

T = TypeVar("T")

AT_ONCE: Final = 8
SHORTENINGS: Final = 4
SPARE: Final = 0.9  # of what a text may have by its count of tokens, as they are not spread evenly over it
COUNTS: Final = re.compile(r"max input tokens: (\d+), request input token count: (\d+)", re.IGNORECASE)


def adapter(settings: Settings, connection: Connection) -> "Bedrock":
    """The connection's region with its key or with AWS credentials; what is empty is as configured.

    A server of its own never gets AWS_BEARER_TOKEN_BEDROCK, and where the key is not there nothing is called in its place.
    """
    region = connection.region or settings.bedrock_region
    url = connection.base_url or settings.bedrock_url or endpoint(region)
    if connection.key:
        return Bedrock(Runtime(url, region, secrets.get(connection.key) or "", connection.key))
    return Bedrock(Runtime(url, region, "" if connection.base_url else settings.bedrock_key))


class Bedrock:
    """The Provider port over Bedrock's runtime API in one region."""

    honours = frozenset(
        {
            "max_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "seed",
            "frequency_penalty",
            "presence_penalty",
            "tools",
            "tool_choice",
            "parallel_tools",
            "strict_tools",
            "output",
            "described_output",
            "thinking_tokens",
            "thinking_mode",
            "effort",
            "service_tier",
            "guardrail",
            "image",
            "document",
            "thinking",
            "cache",
        }
    )

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def prepare(self) -> None:
        self.runtime.prepare()

    def lost(self, model: str, asks: frozenset[str]) -> frozenset[str]:
        return lost(model, asks)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        wanted = asked(request)
        async with aclosing(self.runtime.stream(request.model, wanted.encoded)) as frames:
            async for event in events(frames, request, wanted.tool):
                yield event

    async def complete(self, request: Request) -> Completion:
        wanted = asked(request)
        return completion(await self.runtime.converse(request.model, wanted.encoded), request, wanted.tool)

    async def count(self, request: Request) -> int | None:
        row, body = family(request.model), msgspec.json.encode(asked(request).read)
        if not row.counts:
            return None
        try:  # an inference profile counts no tokens, its model does
            answer = await self.runtime.converse(foundation(request.model), body, "count-tokens")
        except Invalid as refused:
            if type(refused) is not Invalid:
                raise
            return None
        return readable(counted, answer)

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        row = embedder(model)
        size = row.size(model, dimensions)
        cut = [text[: row.characters] for text in texts]
        parts = [cut[start : start + row.together] for start in range(0, len(cut), row.together)]
        read: list[int] = []

        async def embedded(part: Sequence[str]) -> tuple[Sequence[Sequence[float]], int | None]:
            made = await self._embedded(model, row, part, size)
            read.append(told(made[1], sum(map(len, part))))
            return made

        try:
            made = await at_once([partial(embedded, part) for part in parts])
        except Problem as failed:
            failed.used = sum(read)
            raise
        guessed = any(counted is None for _, counted in made)
        return Embeddings([vector for vectors, _ in made for vector in vectors], sum(read), estimated=guessed)

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        wanted = reranking(model, query, documents, top)
        if not documents:
            return Ranking(())
        body, counted = await self.runtime.invoke(model, msgspec.json.encode(wanted))
        tokens = told(counted, len(query) + sum(map(len, documents)))
        return Ranking(readable(ranked, body, len(documents)), Usage(tokens, 0, estimated=counted is None))

    async def _embedded(
        self, model: str, row: Embedder, texts: Sequence[str], size: int | None
    ) -> tuple[Sequence[Sequence[float]], int | None]:
        """Vectors of texts that go together, and their tokens where Bedrock says them. Titan refuses a text that is too long:
        its beginning is tried."""
        for _ in range(SHORTENINGS):
            try:
                body, tokens = await self.runtime.invoke(model, msgspec.json.encode(row.body(texts, size)))
                break
            except TooLong as refused:
                texts = [text[: shortened(len(text), refused.detail)] for text in texts]
        else:
            raise Invalid(f"a text is too long for {model}, and so was its beginning")
        vectors = readable(row.answer, body)
        if len(vectors) != len(texts):
            raise UpstreamFailed(f"{model} made {len(vectors)} embeddings of {len(texts)} texts")
        return [unit(vector) for vector in vectors], tokens


def shortened(characters: int, said: str) -> int:
    """How many characters to try, of a text that has too many: by the tokens that Bedrock counts, else half of them."""
    counts = COUNTS.search(said)
    most, counted = (int(counts[1]), int(counts[2])) if counts else (1, 2)
    return max(1, int(characters * min(most / max(counted, 1) * SPARE, SPARE)))


def readable(read: Callable[..., T], body: bytes, *more: Any) -> T:
    """What an answer holds; UpstreamFailed when it cannot be read."""
    try:
        return read(body, *more)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as odd:
        raise UpstreamFailed(f"Bedrock's answer cannot be read: {odd}") from odd


async def at_once(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What each job gives, in order, eight of them under way at a time. The first failure ends the others."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await job()

    if len(jobs) == 1:
        return [await jobs[0]()]
    tasks = [asyncio.ensure_future(one(job)) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
