"""Problems as OpenAI says them: `{"error": {"message", "type", "param", "code"}}`, with the statuses that its SDKs know.

Types and codes are those of https://platform.openai.com/docs/guides/error-codes where OpenAI has one for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from apps.invocation.dialects import sse
from foundation.errors import (
    Blocked,
    Invalid,
    InvalidParameter,
    InvalidValue,
    ModelUnavailable,
    OverBudget,
    Problem,
    TooLarge,
    TooLong,
    TooMany,
    Unauthenticated,
    UnknownModel,
    Unprocessable,
)


class OpenAIProblem(Struct, frozen=True):
    """What went wrong. `param`: the parameter that it is about, as a path into the body; `code`: a stable word."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Struct, frozen=True):
    """The body of every error of OpenAI's dialect."""

    error: OpenAIProblem


INVALID: Final = "invalid_request_error"
# kind of problem: status (None: its own), type, code. The first row that fits counts.
ROWS: Final[Sequence[tuple[type[Problem], int | None, str, str]]] = (
    (Unauthenticated, None, INVALID, "invalid_api_key"),
    (OverBudget, None, "insufficient_quota", "insufficient_quota"),
    (TooMany, None, "rate_limit_error", "rate_limit_exceeded"),
    (UnknownModel, 404, INVALID, UnknownModel.code),
    (ModelUnavailable, 404, INVALID, ModelUnavailable.code),
    (TooLong, None, INVALID, TooLong.code),
    (Blocked, None, INVALID, "content_filter"),
    (InvalidValue, None, INVALID, "invalid_value"),
    (InvalidParameter, None, INVALID, "unsupported_parameter"),
    (Unprocessable, 400, INVALID, "invalid_value"),
    (TooLarge, None, INVALID, TooLarge.code),
    (Invalid, None, INVALID, Invalid.code),
)
ISSUES: Final = {
    "missing": "missing_required_parameter",
    "json_invalid": "invalid_json",
    "content_type": "invalid_content_type",
}


def failure(problem: Problem) -> tuple[int, Mapping[str, Any]]:
    """Status and body of a problem, for hot.Route and for an Endpoint."""
    said = described(problem)
    status = next((status for kind, status, *_ in ROWS if isinstance(problem, kind)), None)
    body = {"message": said.message, "type": said.type, "param": said.param, "code": said.code}
    return status or problem.status, {"error": body}


def event(problem: Problem) -> bytes:
    """The last event of a stream that failed after it began: no [DONE] follows, so that it never looks complete."""
    return sse.data(OpenAIError(described(problem)))


def described(problem: Problem) -> OpenAIProblem:
    """A problem in OpenAI's words."""
    fallback = INVALID if problem.status < 500 else "server_error"
    kind, code = next(((kind, code) for each, _, kind, code in ROWS if isinstance(problem, each)), (fallback, problem.code))
    if isinstance(problem, Unprocessable) and problem.issues:
        first = problem.issues[0]
        param = path(first["loc"])
        message = f"{param}: {first['msg']}" if param else first["msg"]
        return OpenAIProblem(message, kind, param, ISSUES.get(first["type"], code))
    param = problem.param if isinstance(problem, InvalidParameter) else None
    return OpenAIProblem(problem.detail, kind, "model" if isinstance(problem, UnknownModel | ModelUnavailable) else param, code)


def path(loc: Sequence[str | int]) -> str | None:
    """The path of an issue as OpenAI writes it: messages[0].content; None for the body itself."""
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc[1:])
    return written.removeprefix(".") or None
