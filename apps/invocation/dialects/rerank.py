"""Reranking as Cohere, Jina and vLLM have it: POST /v1/rerank (https://docs.cohere.com/reference/rerank)."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from apps.invocation.dialects.platform import Name
from apps.invocation.invocations import Message, Ranking, Request, Role, Text


class RerankDocument(Struct, frozen=True):
    """A document as an object."""

    text: str


class RerankRequest(Struct, frozen=True):
    """A query, and the documents that are put in the order in which they answer it."""

    model: Name
    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[str | RerankDocument], Meta(min_length=1, max_length=1000)]
    top_n: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Only so many of the best.")] | None = None
    return_documents: bool | None = None
    user: str | None = None


class RerankResult(Struct, frozen=True, omit_defaults=True):
    """The place of a document in what was given, and how well it answers the query: 0 to 1."""

    index: int
    relevance_score: float
    document: RerankDocument | None = None


class RerankUsage(Struct, frozen=True):
    """Tokens read."""

    prompt_tokens: int
    total_tokens: int


class RerankResponse(Struct, frozen=True):
    """The documents, the best first; `model` is the name that was asked for."""

    id: str
    model: str
    results: list[RerankResult]
    usage: RerankUsage


def documents(wanted: RerankRequest) -> Sequence[str]:
    """The texts of the documents."""
    return [each if isinstance(each, str) else each.text for each in wanted.documents]


def request(wanted: RerankRequest, documents: Sequence[str]) -> Request:
    """The request that ranking these documents is."""
    return Request(wanted.model, (Message(Role.USER, tuple(map(Text, (wanted.query, *documents)))),), user=wanted.user)


def places(wanted: RerankRequest) -> Mapping[str, str]:
    """Where each text of the inner request stands in this one."""
    names = ("query", *(f"documents[{n}]" for n, _ in enumerate(wanted.documents)))
    return {f"messages[0].content[{n}]": name for n, name in enumerate(names)}


def response(ranking: Ranking, wanted: RerankRequest, documents: Sequence[str], invocation: str) -> RerankResponse:
    """The order on the wire."""
    results = [
        RerankResult(each.index, each.score, RerankDocument(documents[each.index]) if wanted.return_documents else None)
        for each in ranking.ranked
    ]
    tokens = RerankUsage(ranking.usage.input_tokens, ranking.usage.input_tokens + ranking.usage.output_tokens)
    return RerankResponse(invocation, ranking.model, results, tokens)
