"""The door of OpenAI's dialect: chat completions and embeddings; and reranking, with the same errors."""

from functools import partial
from typing import Final

from apps.invocation import pipeline, refused
from apps.invocation.dialects import rerank, sse
from apps.invocation.dialects.openai import chat as openai_chat
from apps.invocation.dialects.openai import embeddings as openai_embeddings
from apps.invocation.dialects.openai import errors as openai_errors
from apps.invocation.dialects.openai.answer_shapes import ChatCompletion
from apps.invocation.dialects.openai.chat_shapes import ChatRequest
from apps.invocation.dialects.openai.chunks import Chunks
from apps.invocation.gateway.beginning import begun
from apps.invocation.records import Kind
from foundation.hot import Reply, Route
from foundation.identity import Caller
from foundation.visits import Headers, Visit

CHAT: Final = "/v1/chat/completions"


async def chat(caller: Caller, wanted: ChatRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/chat/completions."""
    request = openai_chat.request(wanted)
    call = await begun(
        caller,
        request,
        headers,
        visit,
        dialect="openai_chat",
        streamed=bool(wanted.stream),
        unheard=openai_chat.unheard(wanted),
        places=partial(openai_chat.places, wanted),
    )
    created = int(call.created.timestamp())
    if not wanted.stream:
        answer = await pipeline.complete(call)
        return Reply(openai_chat.response(answer, call.invocation, created), call.headers)
    counted = wanted.stream_options is not None and bool(wanted.stream_options.include_usage)
    chunks = Chunks(call.invocation, created, call.asked.name, counted)
    return Reply(sse.told(pipeline.stream(call), chunks.write, openai_errors.event, CHAT), lambda: call.headers)


async def embeddings(caller: Caller, wanted: openai_embeddings.EmbeddingsRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/embeddings."""
    texts = openai_embeddings.texts(wanted)
    request = openai_embeddings.request(wanted, texts)
    places = partial(openai_embeddings.places, wanted)
    call = await begun(caller, request, headers, visit, dialect="openai_embeddings", kind=Kind.EMBED, places=places)
    made = await pipeline.embed(call, wanted.dimensions)
    return Reply(openai_embeddings.response(made, wanted.encoding_format), call.headers)


async def reranking(caller: Caller, wanted: rerank.RerankRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/rerank."""
    documents = rerank.documents(wanted)
    request, places = rerank.request(wanted, documents), partial(rerank.places, wanted)
    call = await begun(caller, request, headers, visit, dialect="rerank", kind=Kind.RERANK, places=places)
    ranking = await pipeline.rerank(call, wanted.top_n)
    return Reply(rerank.response(ranking, wanted, documents, call.invocation), call.headers)


routes: Final = (
    Route(
        path=CHAT,
        handler=chat,
        booking=refused.booking("openai_chat"),
        request=ChatRequest,
        response=ChatCompletion,
        summary="OpenAI's chat completions, whole or streamed, by any text model.",
        failure=openai_errors.failure,
        refusal=openai_errors.OpenAIError,
        streams=True,
    ),
    Route(
        path="/v1/embeddings",
        handler=embeddings,
        booking=refused.booking("openai_embeddings", Kind.EMBED),
        request=openai_embeddings.EmbeddingsRequest,
        response=openai_embeddings.EmbeddingList,
        summary="OpenAI's embeddings of one text or many.",
        failure=openai_errors.failure,
        refusal=openai_errors.OpenAIError,
    ),
    Route(
        path="/v1/rerank",
        handler=reranking,
        booking=refused.booking("rerank", Kind.RERANK),
        request=rerank.RerankRequest,
        response=rerank.RerankResponse,
        summary="Put documents in the order in which they answer a query.",
        failure=openai_errors.failure,
        refusal=openai_errors.OpenAIError,
    ),
)
