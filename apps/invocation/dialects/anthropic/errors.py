"""Problems as Anthropic says them: `{"type": "error", "error": {"type", "message"}, "request_id"}`, with its statuses.

Types and statuses are those of https://platform.claude.com/docs/en/api/errors where Anthropic has one for it; headers those of
https://platform.claude.com/docs/en/api/rate-limits (both as of 2026-11).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from msgspec import Struct, to_builtins

from apps.invocation.dialects import sse
from foundation.ambient import now
from foundation.errors import (
    Conflict,
    Forbidden,
    InvalidParameter,
    ModelUnavailable,
    NotFound,
    OverBudget,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unprocessable,
    UpstreamTimeout,
)


class AnthropicProblem(Struct, frozen=True, omit_defaults=True):
    """What went wrong. `details` have a stable `error_code` where clients act on it."""

    type: str
    message: str
    details: Mapping[str, str] | None = None


class AnthropicError(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of every error of Anthropic's dialect. `request_id` is that of a call that is on the account."""

    type: Literal["error"]
    error: AnthropicProblem
    request_id: str = ""


REQUEST_ID: Final = b"x-request-id"
INVALID: Final = "invalid_request_error"
FAILED: Final = "api_error"
# kind of problem: status (None: its own), type. The first row that fits counts.
ROWS: Final[Sequence[tuple[type[Problem], int | None, str]]] = (
    (Unauthenticated, None, "authentication_error"),
    (OverBudget, None, "billing_error"),
    (Forbidden, None, "permission_error"),
    (UnknownModel, 404, "not_found_error"),
    (ModelUnavailable, 404, "not_found_error"),
    (NotFound, None, "not_found_error"),
    (Conflict, None, "conflict_error"),
    (TooLarge, None, "request_too_large"),
    (Unprocessable, 400, INVALID),
    (TooMany, None, "rate_limit_error"),
    (UpstreamTimeout, None, "timeout_error"),
    (Unavailable, 529, "overloaded_error"),
)
# By the parameter that cannot be honoured: what Anthropic's SDK then leaves out by itself.
DETAILS: Final[Mapping[str, Mapping[str, str]]] = {"thread": {"error_code": "thread_unsupported_request"}}
NAMES: Final[Mapping[bytes, bytes]] = {
    REQUEST_ID: b"request-id",
    b"x-ratelimit-limit-requests": b"anthropic-ratelimit-requests-limit",
    b"x-ratelimit-limit-tokens": b"anthropic-ratelimit-tokens-limit",
    b"x-ratelimit-remaining-requests": b"anthropic-ratelimit-requests-remaining",
    b"x-ratelimit-remaining-tokens": b"anthropic-ratelimit-tokens-remaining",
}
RESETS: Final[Mapping[bytes, bytes]] = {
    b"x-ratelimit-reset-requests": b"anthropic-ratelimit-requests-reset",
    b"x-ratelimit-reset-tokens": b"anthropic-ratelimit-tokens-reset",
}


# Those names with what they say.
TELLS: Final[Mapping[str, str]] = {
    name.decode(): f"As {other.decode()}, by Anthropic's name{how}."
    for names, how in ((NAMES, ""), (RESETS, "; a moment (RFC 3339)"))
    for other, name in names.items()
}


def named(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that a response has beside its body, and again those of them that Anthropic has by other names."""
    said = list(headers)
    for name, value in tuple(said):
        if name in NAMES:
            said.append((NAMES[name], value))
        elif name in RESETS:
            moment = now() + timedelta(seconds=int(value))
            said.append((RESETS[name], moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()))
    return said


def failure(problem: Problem) -> tuple[int, Mapping[str, Any]]:
    """Status and body of a problem, for hot.Route; its headers get Anthropic's names too."""
    said = described(problem)
    problem.headers = named(problem.headers)
    status = next((status for kind, status, _ in ROWS if isinstance(problem, kind)), None)
    return status or problem.status, to_builtins(said)


def event(problem: Problem) -> bytes:
    """The last event of a stream that failed after it began: no message_stop follows, so that it never looks complete."""
    return sse.named("error", described(problem))


def described(problem: Problem) -> AnthropicError:
    """A problem in Anthropic's words."""
    fallback = INVALID if problem.status < 500 else FAILED
    kind = next((kind for each, _, kind in ROWS if isinstance(problem, each)), fallback)
    request = next((value.decode() for name, value in problem.headers if name == REQUEST_ID), "")
    details = DETAILS.get(problem.param) if isinstance(problem, InvalidParameter) else None
    return AnthropicError(type="error", error=AnthropicProblem(kind, message(problem), details), request_id=request)


def message(problem: Problem) -> str:
    """What a problem says; of a field without its form, its path as Anthropic writes it: messages.0.content."""
    if not (isinstance(problem, Unprocessable) and problem.issues):
        return problem.detail
    first = problem.issues[0]
    path = ".".join(map(str, first["loc"][1:]))
    return f"{path}: {first['msg']}" if path else str(first["msg"])
