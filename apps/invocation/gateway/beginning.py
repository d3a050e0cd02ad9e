"""How a call begins at every door: with what the request's headers say for its account."""

from apps.invocation import caching, labels, pipeline
from apps.invocation.calls import Call
from apps.invocation.invocations import Request
from apps.invocation.records import Kind
from foundation.hot import Headers
from foundation.identity import Caller


async def begun(
    caller: Caller, request: Request, headers: Headers, *, dialect: str, kind: Kind = Kind.TEXT, streamed: bool = False
) -> Call:
    """`pipeline.begin` for the request with the headers `x-labels`, `x-prompt`, `traceparent` and `cache-control`; `dialect` is
    the name of its module in dialects/. InvalidParameter names the header that does not have its form."""
    return await pipeline.begin(
        caller,
        labels.labelled(request, headers),
        kind,
        dialect=dialect,
        streamed=streamed,
        trace=labels.trace(headers),
        cache_control=caching.directives(headers),
    )
