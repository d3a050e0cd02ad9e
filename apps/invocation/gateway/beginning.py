"""How a call begins at every door: with what the request's headers say for its account; and what its headers tell."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from apps.invocation import caching, labels, pipeline
from apps.invocation.calls import Call
from apps.invocation.invocations import Request
from apps.invocation.records import Kind
from foundation.identity import Caller
from foundation.unread import listed
from foundation.visits import Headers, Visit

TAKES: Final[Mapping[str, str]] = {
    labels.LABELS: "Labels for the account: team=search,stage=test. At most 16.",
    labels.PROMPT: "The prompt for the account: its name and version, greeting@3.",
    labels.TRACE: "The trace that the call belongs to (W3C Trace Context).",
    "cache-control": "no-cache: a new answer is wanted; no-store: none is kept (RFC 9111).",
}
TELLS: Final[Mapping[str, str]] = {
    "x-served-by": "The name of the model that answered.",
    "x-deployment": "Where it answered.",
    "x-tries": "Every deployment that was tried with its outcome, where there was more than one; of a fallback with its model.",
    "x-cache": "How an answer kept from before was found: exact or semantic.",
    "age": "How many seconds old such an answer is.",
    "x-ignored-parameters": "What was asked for and had no part in the answer.",
    "x-adjusted-parameters": "What was asked for and held in another form: max_tokens=4096.",
    "x-ratelimit-limit-requests": "Requests a minute.",
    "x-ratelimit-remaining-requests": "How many of them are left.",
    "x-ratelimit-reset-requests": "In how many seconds all are there again.",
    "x-ratelimit-limit-tokens": "Tokens a minute.",
    "x-ratelimit-remaining-tokens": "How many of them are left.",
    "x-ratelimit-reset-tokens": "In how many seconds all are there again.",
}


async def begun(
    caller: Caller,
    request: Request,
    headers: Headers,
    visit: Visit,
    *,
    dialect: str,
    kind: Kind = Kind.TEXT,
    streamed: bool = False,
    unheard: Iterable[str] = (),
    places: Callable[[], Mapping[str, str]] | None = None,
) -> Call:
    """`pipeline.begin` for the request with the headers `x-labels`, `x-prompt`, `traceparent` and `cache-control`; `dialect` is
    the name of its module in dialects/; unheard: what was asked for and goes to no model; places: see Call. InvalidParameter
    names the header that does not have its form."""
    call = await pipeline.begin(
        caller,
        labels.labelled(request, headers),
        kind,
        dialect=dialect,
        streamed=streamed,
        trace=labels.trace(headers),
        cache_control=caching.directives(headers),
        visit=visit,
    )
    call.ignored, call.places = tuple(listed(set(unheard))), places
    return call
