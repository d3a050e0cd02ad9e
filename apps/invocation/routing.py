"""Which deployment answers a call, and what is tried when one does not."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from apps.invocation.adapters import provider
from apps.invocation.calls import Call
from apps.invocation.catalogue import Deployment, Model
from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request
from apps.invocation.ports import Provider

Whole = TypeVar("Whole", Completion, Embeddings, Ranking)


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment of a model that a call may go to."""

    model: Model
    deployment: Deployment

    @property
    def provider(self) -> Provider:
        """Who runs it."""
        return provider(self.deployment.connection)


def places(call: Call) -> list[Place]:
    """Where the call may go, in the order in which it is tried."""
    return [Place(call.by, deployment) for deployment in call.by.usable]


def fitted(call: Call, place: Place) -> Request:
    """The request as this deployment gets it: by its id, with max_tokens lowered to the model's limit."""
    request, limit = call.request, place.model.output_limit
    tokens = min(request.max_tokens, limit) if request.max_tokens and limit else request.max_tokens
    return replace(request, model=place.deployment.id, max_tokens=tokens)


async def complete(call: Call) -> Completion:
    """The whole answer of the first deployment that gives one."""
    return await whole(call, lambda place: place.provider.complete(fitted(call, place)))


async def embed(call: Call, texts: Sequence[str], dimensions: int | None) -> Embeddings:
    """A vector for each text."""
    return await whole(call, lambda place: place.provider.embed(place.deployment.id, texts, dimensions))


async def rerank(call: Call, query: str, documents: Sequence[str], top: int | None) -> Ranking:
    """The order of the documents."""
    return await whole(call, lambda place: place.provider.rerank(place.deployment.id, query, documents, top))


async def whole(call: Call, ask: Callable[[Place], Awaitable[Whole]]) -> Whole:
    """What the first deployment that answers says."""
    place = places(call)[0]
    call.by, call.deployment = place.model, place.deployment
    answer = await ask(place)
    call.came()
    call.spent = answer.usage
    return answer


async def stream(call: Call) -> AsyncGenerator[Event, None]:
    """The events of the first deployment that gives one."""
    place = places(call)[0]
    call.by, call.deployment = place.model, place.deployment
    async with aclosing(place.provider.stream(fitted(call, place))) as events:  # type: ignore[type-var]
        async for event in events:
            yield event
