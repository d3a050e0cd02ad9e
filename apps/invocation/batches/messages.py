"""Message Batches, as Anthropic has them, by the same engine: requests in one body, and results in one list.

https://platform.claude.com/docs/en/api/creating-message-batches and its neighbours (as of 2026-11)
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from apps.invocation.batches import services
from apps.invocation.batches.lines import LineFailure, LineResult
from apps.invocation.batches.records import ANTHROPIC, Batch, Results, input_path
from foundation.adapters import files
from foundation.errors import Invalid, InvalidParameter, InvalidValue, NotFound
from foundation.identity import Caller

ENDPOINT: Final = "/v1/messages"
WINDOW: Final = "24h"
IDS: Final = f"{ANTHROPIC}batch_"
COUNT: Final = "requests"  # in the metadata: how many there are, which is known before the first worker looks
EXPIRED: Final = "batch_expired"
KINDS: Final[Mapping[str, str]] = {"unauthenticated": "authentication_error"}


def create(caller: Caller, requests: Sequence[Mapping[str, Any]]) -> Batch:
    """Have workers answer each of the requests, `custom_id` and `params`, as if it were sent on its own."""
    seen: set[str] = set()
    for place, each in enumerate(requests):
        if each["custom_id"] in seen:
            where = f"requests.{place}.custom_id"
            raise InvalidValue(f"{where}: {each['custom_id']} has been used by a request before", param=where)
        if each["params"].get("stream"):
            where = f"requests.{place}.params.stream"
            raise InvalidParameter(f"{where}: a batch streams nothing; leave it out", param=where)
        seen.add(each["custom_id"])
    source = services.keep_file(caller, "requests.jsonl", map(line, requests), ANTHROPIC)
    count = {COUNT: str(len(requests))}
    return services.begun(caller, source, endpoint=ENDPOINT, window=WINDOW, metadata=count, dialect=ANTHROPIC)


def line(request: Mapping[str, Any]) -> bytes:
    """A request as a line of a batch's file."""
    said = {"custom_id": request["custom_id"], "method": "POST", "url": ENDPOINT, "body": request["params"]}
    return msgspec.json.encode(said) + b"\n"


def batch(caller: Caller, identifier: str) -> Batch:
    """One of the caller's."""
    return services.batch(caller, identifier, ANTHROPIC)


def cancel(caller: Caller, identifier: str) -> Batch:
    """Begin no more of it; see services.cancel."""
    try:
        return services.cancel(caller, identifier, ANTHROPIC)
    except Invalid as over:
        raise Invalid(f"{identifier} cannot be canceled any more: it has ended, or all of its requests have") from over


def listed(caller: Caller, *, after: str, before: str, limit: int) -> tuple[Sequence[Batch], bool]:
    """Some of the caller's, newest first, and whether there are more: those after the id `after`, or just before `before`."""
    if after and before:
        raise InvalidValue("after_id and before_id do not go together", param="before_id")
    backwards = bool(before)
    some, more = services.listed(Batch, (caller.application,), None, "batch", IDS, before or after, limit, ascending=backwards)
    return (some[::-1] if backwards else some), more


def results(target: Batch) -> Iterator[bytes]:
    """A line for each request: what became of it. Invalid, before the first, while the batch is worked on."""
    if not target.is_over:
        raise Invalid(f"{target.batch} has not ended yet; its results can be read when its processing_status is ended")
    return told(target)


def told(target: Batch) -> Iterator[bytes]:
    """The same, of a batch that is over: what has results, then what never got any."""
    seen: set[str] = set()
    for result in found(target):
        seen.add(result.custom_id)
        yield encoded(result.custom_id, became(result), result.response.headers if result.response else {})
    why = {"type": "canceled"} if not target.errors else errored("api_error", target.errors[0].message)
    for custom_id in asked(target):
        if custom_id not in seen:
            yield encoded(custom_id, why)


def found(target: Batch) -> Iterator[LineResult]:
    """The results that the parts have."""
    for part in services.parts_of(target.application, target.batch):
        for place in (part.results_of(kind) for kind in Results if part.size(kind)):
            yield from (msgspec.json.decode(each, type=LineResult) for each in files.read(place).splitlines())


def asked(target: Batch) -> Iterator[str]:
    """The custom ids of all requests, as long as they are kept."""
    with suppress(NotFound), files.open(input_path(target.application, target.input_file)) as opened:
        yield from (msgspec.json.decode(each)["custom_id"] for each in opened)


def became(result: LineResult) -> Mapping[str, Any]:
    """What became of one request."""
    response, error = result.response, result.error
    if response is None:
        error = error or LineFailure("internal_error", "")
        return {"type": "expired"} if error.code == EXPIRED else errored(KINDS.get(error.code, "api_error"), error.message)
    return {"type": "succeeded", "message": response.body} if result.is_good else {"type": "errored", "error": response.body}


def errored(kind: str, message: str) -> Mapping[str, Any]:
    """A request that has an error in the place of an answer."""
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": message}}}


def encoded(custom_id: str, became: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
    """A line of the results; headers: those that say what of the request did not hold as it was asked."""
    said = {"custom_id": custom_id, "result": became}
    return msgspec.json.encode({**said, "headers": headers} if headers else said) + b"\n"
