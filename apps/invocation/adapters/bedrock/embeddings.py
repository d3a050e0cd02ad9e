"""Models of Bedrock that do not converse: embeddings and rerankers, each body in its model's own form by InvokeModel.

Sources: docs.aws.amazon.com/bedrock/latest/userguide, the pages titan-embedding-models, model-parameters-embed,
model-parameters-embed-v4 and rerank-use; docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html; recorded answers in
pydantic/pydantic-ai, tests/cassettes/test_embeddings.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from apps.invocation.adapters.bedrock.families import foundation
from apps.invocation.invocations import Ranked
from foundation.errors import Invalid, InvalidValue, UpstreamFailed

# The port does not say whether a text is a query or a document. Both are embedded as documents, so that the vector of a text
# is always the same one; the models that tell the two apart rank a little worse for it.
PURPOSE: Final = "search_document"


class TitanVector(Struct, frozen=True):
    """Titan's answer."""

    embedding: list[float]


class ByType(Struct, frozen=True):
    """Vectors by the type of their numbers."""

    float: list[list[float]]


class CohereVectors(Struct, frozen=True):
    """Cohere's answer: version 3 has the vectors as they are, version 4 by type."""

    embeddings: list[list[float]] | ByType


class NovaVector(Struct, frozen=True):
    """One vector of Nova's answer."""

    embedding: list[float]


class NovaVectors(Struct, frozen=True):
    """Nova's answer."""

    embeddings: list[NovaVector]


def titan(texts: Sequence[str], dimensions: int | None) -> Mapping[str, Any]:
    """Titan version 1: one text."""
    return {"inputText": texts[0]}


def titan_2(texts: Sequence[str], dimensions: int | None) -> Mapping[str, Any]:
    """Titan version 2: one text."""
    return {"inputText": texts[0], "normalize": True} | ({"dimensions": dimensions} if dimensions else {})


def cohere(texts: Sequence[str], dimensions: int | None) -> Mapping[str, Any]:
    """Cohere: up to 96 texts; beyond the model's length the end is cut off there."""
    asked = {"texts": list(texts), "input_type": PURPOSE, "truncate": "END"}
    return asked | ({"output_dimension": dimensions} if dimensions else {})


def nova(texts: Sequence[str], dimensions: int | None) -> Mapping[str, Any]:
    """Nova: one text; beyond the model's length the end is cut off there."""
    params: dict[str, Any] = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": texts[0]}}
    return {
        "schemaVersion": "nova-multimodal-embed-v1",
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": params | ({"embeddingDimension": dimensions} if dimensions else {}),
    }


class Embedder(Struct, frozen=True):
    """How a family embeds: `together` texts of at most `characters` each a call, into vectors of one of these `sizes`."""

    ids: tuple[str, ...]
    body: Callable[[Sequence[str], int | None], Mapping[str, Any]]
    answer: Callable[[bytes], list[list[float]]]
    together: int
    characters: int
    sizes: tuple[int, ...]

    def size(self, model: str, wanted: int | None) -> int | None:
        """The wanted size; InvalidValue when the model does not have it."""
        if wanted is not None and wanted not in self.sizes:
            raise InvalidValue(f"dimensions is {wanted}; {model} has {', '.join(map(str, self.sizes))}", param="dimensions")
        return wanted if len(self.sizes) > 1 else None


def titan_vectors(body: bytes) -> list[list[float]]:
    """The one vector."""
    return [msgspec.json.decode(body, type=TitanVector).embedding]


def cohere_vectors(body: bytes) -> list[list[float]]:
    """The vectors in the order of their texts."""
    found = msgspec.json.decode(body, type=CohereVectors).embeddings
    return found.float if isinstance(found, ByType) else found


def nova_vectors(body: bytes) -> list[list[float]]:
    """The one vector."""
    return [each.embedding for each in msgspec.json.decode(body, type=NovaVectors).embeddings]


EMBEDDERS: Final[tuple[Embedder, ...]] = (
    Embedder(("amazon.titan-embed-text-v2",), titan_2, titan_vectors, 1, 50_000, (1024, 512, 256)),
    Embedder(("amazon.titan-embed-text-v1", "amazon.titan-embed-g1"), titan, titan_vectors, 1, 50_000, (1536,)),
    Embedder(("cohere.embed-english-v3", "cohere.embed-multilingual-v3"), cohere, cohere_vectors, 96, 2_048, (1024,)),
    Embedder(("cohere.embed-v4",), cohere, cohere_vectors, 96, 500_000, (1536, 1024, 512, 256)),
    Embedder(("amazon.nova-2-multimodal-embeddings",), nova, nova_vectors, 1, 8_192, (3072, 1024, 384, 256)),
)


def embedder(model: str) -> Embedder:
    """How a model embeds; Invalid for one that does not."""
    bare = foundation(model)
    found = next((row for row in EMBEDDERS if bare.startswith(row.ids)), None)
    if found is None:
        raise Invalid(f"{model} is no embedding model of Bedrock that this platform knows")
    return found


def unit(vector: Sequence[float]) -> Sequence[float]:
    """The same direction at length 1; UpstreamFailed for a vector that has none."""
    length = math.hypot(*vector)
    if not length or not math.isfinite(length):
        raise UpstreamFailed("Bedrock made an embedding without a direction")
    return vector if abs(length - 1) < 1e-6 else [number / length for number in vector]


class Result(Struct, frozen=True):
    """One document's place and relevance."""

    index: int
    relevance_score: float


class Results(Struct, frozen=True):
    """The answer of a reranker, the best first."""

    results: list[Result]


# Cohere's version of its API; Amazon's reranker has the same form without it.
RERANKERS: Final[Mapping[str, Mapping[str, Any]]] = {"amazon.rerank": {}, "cohere.rerank": {"api_version": 2}}
MOST_DOCUMENTS: Final = 1000


def reranking(model: str, query: str, documents: Sequence[str], top: int | None) -> Mapping[str, Any]:
    """The body for a reranker; Invalid for a model that is none, and for more than 1,000 documents."""
    bare = foundation(model)
    more = next((members for prefix, members in RERANKERS.items() if bare.startswith(prefix)), None)
    if more is None:
        raise Invalid(f"{model} is no reranker of Bedrock that this platform knows")
    if len(documents) > MOST_DOCUMENTS:
        raise Invalid(f"{len(documents)} documents were given; {model} ranks up to {MOST_DOCUMENTS}")
    return {"query": query, "documents": list(documents), "top_n": min(top or len(documents), len(documents)), **more}


def ranked(body: bytes, documents: int) -> tuple[Ranked, ...]:
    """The order in an answer; UpstreamFailed when it names a document that was not given."""
    found = msgspec.json.decode(body, type=Results).results
    if not all(0 <= each.index < documents for each in found):
        raise UpstreamFailed("Bedrock ranked a document that it was not given")
    return tuple(Ranked(each.index, each.relevance_score) for each in found)
