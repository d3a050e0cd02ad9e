"""The door of the platform's own dialect: the POST paths of /model."""

import asyncio
from functools import partial
from typing import Final

from msgspec import Struct

from apps.invocation import caching, catalogue, honoured, labels, pipeline, refused, services
from apps.invocation.dialects import platform, raw
from apps.invocation.gateway.beginning import begun
from apps.invocation.records import Kind
from foundation.hot import REQUEST_ID, Reply, Route
from foundation.identity import Caller
from foundation.unread import named
from foundation.visits import Headers, Visit


class AsyncInvokeResponse(Struct, frozen=True):
    """What to ask /model/async_output for."""

    invocation_id: str


async def invoke(caller: Caller, wanted: platform.InvokeRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /model/invoke."""
    await catalogue.soon()
    request, unheard = platform.request(wanted), platform.unheard(wanted)
    places = partial(platform.places, wanted)
    call = await begun(caller, request, headers, visit, dialect="platform", unheard=unheard, places=places)
    call.asks = honoured.one(call.asks - platform.unsaid(wanted))
    return Reply(platform.response(await pipeline.complete(call)), call.headers)


async def embed(caller: Caller, wanted: platform.EmbedRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /model/embed."""
    texts = [wanted.input_text or ""]
    request = services.embedding(wanted.model_name, texts)
    call = await begun(caller, request, headers, visit, dialect="platform", kind=Kind.EMBED, places=lambda: platform.TEXT)
    return Reply(platform.embedding(await pipeline.embed(call)), call.headers)


async def invoke_with_raw_input(caller: Caller, wanted: raw.RawRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /model/invoke_with_raw_input."""
    await catalogue.soon()
    request, places = raw.request(wanted), partial(raw.places, wanted)
    call = await begun(caller, request, headers, visit, dialect="raw", unheard=raw.unheard(wanted), places=places)
    call.asks = honoured.one(call.asks - raw.unsaid(wanted))
    return Reply(raw.response(await pipeline.complete(call)), call.headers)


async def async_invoke(caller: Caller, wanted: platform.InvokeRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /model/async_invoke."""
    await catalogue.soon()
    request = labels.labelled(platform.request(wanted), headers)
    trace, cache_control = labels.trace(headers), caching.directives(headers)
    queue = partial(services.start_async, unsaid=platform.unsaid(wanted), trace=trace, cache_control=cache_control)
    started = await asyncio.to_thread(queue, caller, request, visit)
    unheard = set(platform.unheard(wanted))
    said = [(b"x-ignored-parameters", named(unheard))] if unheard else []
    return Reply(AsyncInvokeResponse(started.invocation), [(REQUEST_ID, visit.id.encode()), *said])


routes: Final = (
    Route(
        path="/model/invoke",
        handler=invoke,
        booking=refused.booking("platform"),
        request=platform.InvokeRequest,
        response=platform.InvokeResponse,
        summary="Invoke a text model with a prompt or a conversation.",
    ),
    Route(
        path="/model/embed",
        handler=embed,
        booking=refused.booking("platform", Kind.EMBED),
        request=platform.EmbedRequest,
        response=platform.EmbedResponse,
        summary="Embed one text as a vector.",
    ),
    Route(
        path="/model/invoke_with_raw_input",
        handler=invoke_with_raw_input,
        booking=refused.booking("raw"),
        request=raw.RawRequest,
        response=raw.InvokeResponse,
        summary="Invoke a text model, by its id at its provider, with a body in that provider's form.",
    ),
    Route(
        path="/model/async_invoke",
        handler=async_invoke,
        booking=refused.booking("async"),
        request=platform.InvokeRequest,
        response=AsyncInvokeResponse,
        summary="Invoke a text model by a worker; ask /model/async_output for the answer.",
    ),
)
