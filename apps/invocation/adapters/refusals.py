"""What the statuses and error bodies of model servers mean as Problems."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

import msgspec

from foundation.ambient import now
from foundation.errors import (
    Invalid,
    Problem,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)

LONGEST_WAIT: Final = 3600
Refusals: TypeAlias = Mapping[int, tuple[type[Problem], str]]

REFUSALS: Final[Refusals] = {
    400: (Invalid, "the model server cannot do this"),
    401: (UpstreamDenied, "the model server does not accept its key"),
    402: (UpstreamDenied, "the model server wants to be paid"),
    403: (UpstreamDenied, "the model server does not let its key do this"),
    404: (UnknownModel, "the model server has no such model"),
    408: (UpstreamTimeout, "the model server did not answer in time"),
    413: (Invalid, "the request is too large for the model server"),
    422: (Invalid, "the model server cannot do this"),
    429: (TooMany, "the model server is over its limits"),
    503: (Unavailable, "the model server is overloaded"),
    504: (UpstreamTimeout, "the model server did not answer in time"),
    524: (UpstreamTimeout, "the model server did not answer in time"),
    529: (Unavailable, "the model server is overloaded"),
}
# How OpenAI, vLLM, llama.cpp, Anthropic and Mistral say that a prompt is too long, in lower case.
TOO_LONG: Final = (
    "context length",
    "context size",
    "context window",
    "context_length_exceeded",
    "prompt is too long",
    "too many tokens",
)


def problem(status: int, body: bytes, headers: Mapping[str, str], refusals: Refusals = REFUSALS) -> Problem:
    """What a bad status means, with the seconds that the server wants to be left alone. Its own words are for the caller only
    where they are about the request; others may name its insides, or the platform's own key or account."""
    kind, meaning = refusals.get(status, (UpstreamFailed, f"the model server failed with status {status}"))
    said = words(body)
    if kind is Invalid and any(phrase in said.lower() for phrase in TOO_LONG):
        kind, meaning = TooLong, "the prompt is too long for the model"
    wait = retry_after(headers.get("retry-after", ""))
    if kind is UpstreamDenied:
        return kind(meaning, retry_after=wait)
    if issubclass(kind, Invalid):
        return kind(f"{meaning}: {said}", retry_after=wait)
    return kind(meaning, retry_after=wait, inside=f"{meaning}: {said}")


def retry_after(said: str) -> int | None:
    """The seconds that a Retry-After header asks for, as a number or as a date (RFC 9110, 10.2.3); at most an hour."""
    try:
        wait = float(said)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(said) - now()).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return math.ceil(min(max(wait, 0), LONGEST_WAIT)) if wait == wait else None


def words(body: bytes) -> str:
    """The message in an error's body: `error.message`, `error`, `message` or `detail` of its JSON, or all of its text."""
    try:
        found = message(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        found = None
    text = body.decode(errors="replace") if found is None else found
    return " ".join(text.split())[:500] or "it gave no reason"


def message(error: Any) -> str | None:
    """What an error of any shape says; None when it says nothing."""
    if isinstance(error, list):
        return message(error[0]) if error else None
    if not isinstance(error, dict):
        return None if error is None else str(error)
    return next((said for name in ("error", "message", "detail") if (said := message(error.get(name)))), None)
