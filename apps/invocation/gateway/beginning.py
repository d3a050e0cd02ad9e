"""How a call begins at every door: with what the request's headers say for its account."""

from apps.invocation import labels, pipeline
from apps.invocation.calls import Call
from apps.invocation.invocations import Request
from apps.invocation.records import Kind
from foundation.hot import Headers
from foundation.identity import Caller


async def begun(
    caller: Caller, request: Request, headers: Headers, *, dialect: str, kind: Kind = Kind.TEXT, streamed: bool = False
) -> Call:
    """`pipeline.begin` for the request with the headers `x-labels`, `x-prompt` and `traceparent`; `dialect` is the name of
    its module in dialects/. InvalidParameter names the header that does not have its form."""
    wanted = labels.labelled(request, headers)
    return await pipeline.begin(caller, wanted, kind, dialect=dialect, streamed=streamed, trace=labels.trace(headers))
