"""Errors that carry an HTTP status and a stable code; whatever a caller may see leaves the platform as one of these.

Vendor exceptions are turned into one of them inside an adapter. The two ways in over HTTP turn them into responses,
the queues decide by `retryable` whether a message is tried again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Problem(Exception):
    """Something that went wrong, said so that the reader can act on it: what happened, to which thing, what to do.

    detail is for who asked. inside: the reason for who runs the platform alone, where it names what is inside of it (an
    address, a setting, a key); it is in the log. headers: what else a response that says it tells, for example what is left
    of a limit. used: what had been used up before it came, as its capability counts: tokens that a model's provider has read.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, retry_after: int | None = None, inside: str = "") -> None:
        super().__init__(inside or detail)
        self.detail = self.plain = detail
        self.retry_after = retry_after
        self.inside = inside
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.used = 0

    @property
    def reason(self) -> str:
        """What who runs the platform reads."""
        return self.inside or self.detail

    @property
    def told(self) -> Mapping[str, str]:
        """The headers of HTTP that go with it on every response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def tell(self, request: str) -> None:
        """Where the reason is inside, say in the detail who knows it, and by which request's id."""
        if self.inside:
            self.detail = f"{self.plain}; ask your administrator about request {request}"

    def body(self) -> Mapping[str, Any]:
        """The JSON body of the error: `detail` as the contract has it, and the stable `code`."""
        return {"detail": self.detail, "code": self.code}


class Invalid(Problem):
    """The request is well formed but cannot be done as asked."""

    status, code = 400, "invalid_request"


class InvalidParameter(Invalid):
    """One parameter cannot be honoured; `param` is its name in the client's dialect."""

    def __init__(self, detail: str, *, param: str, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.param = param


class InvalidValue(InvalidParameter):
    """One parameter has a value that it may not have, or none that it must have."""


class UnknownModel(Invalid):
    """No model of this name is in the catalogue."""

    code = "model_not_found"


class ModelUnavailable(Invalid):
    """The model is in the catalogue, and nobody answers for it: it is switched off, or no provider here runs it."""

    code = "model_unavailable"


class TooLong(Invalid):
    """The prompt, or the prompt with the answer that it asks for, is longer than the model can take."""

    code = "context_length_exceeded"


class NotReady(Problem):
    """What the request builds on has not finished yet."""

    status, code = 400, "not_ready"


class Unauthenticated(Problem):
    """No caller could be made out."""

    status, code = 401, "unauthenticated"


class OverBudget(Problem):
    """The application has spent what it may; `retry_after` says when its next day or month begins."""

    status, code = 402, "budget_exceeded"


class Blocked(Problem):
    """A guardrail kept it back; the detail names the rule, never the text."""

    status, code = 400, "content_blocked"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status, code = 403, "forbidden"


class NotFound(Problem):
    """Not there, or not the caller's: the two are told apart nowhere."""

    status, code = 404, "not_found"


class MethodNotAllowed(Problem):
    """The path exists, and not for this method; `methods` are those that it has, beside OPTIONS."""

    status, code = 405, "method_not_allowed"

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__("Method Not Allowed")
        self.methods = methods

    @property
    def told(self) -> Mapping[str, str]:
        return allow(self.methods)


def allow(methods: Sequence[str]) -> Mapping[str, str]:
    """The header that names the methods of a path (RFC 9110, 10.2.1)."""
    return {"Allow": ", ".join((*methods, "OPTIONS"))}


class Conflict(Problem):
    """The thing changed since it was read; read it again and repeat."""

    status, code = 409, "conflict"


class TooLarge(Problem):
    """More bytes than the limit that the message names."""

    status, code = 413, "too_large"


class Unprocessable(Problem):
    """One or more fields do not have the form that they must have."""

    status, code = 422, "unprocessable_entity"

    def __init__(self, issues: Sequence[Mapping[str, Any]], instance: str = "") -> None:
        super().__init__("The request is invalid.")
        self.issues = tuple(issues)
        self.instance = instance

    def body(self) -> Mapping[str, Any]:
        """The problem-style object of the contract; `issues` name each field by its path in `loc`."""
        return {
            "type": f"/errors/{self.code}",
            "title": "Unprocessable Entity",
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            "issues": list(self.issues),
        }


class TooMany(Problem):
    """Over a limit; `retry_after` says in how many seconds it may work."""

    status, code = 429, "rate_limited"


class UpstreamFailed(Problem):
    """A model provider or another outside service answered with an error."""

    status, code = 502, "upstream_failed"
    retryable = True


class UpstreamDenied(UpstreamFailed):
    """A model provider does not let this platform in: its key or its rights there are wrong. A repeat cannot help.

    Why is said inside alone: it speaks of the platform's own key, account or settings.
    """

    code = "upstream_denied"
    retryable = False

    def __init__(self, why: str, *, retry_after: int | None = None) -> None:
        super().__init__("the model's provider does not let this platform in", retry_after=retry_after, inside=why)


class UpstreamBroken(UpstreamFailed):
    """The connection to a model provider ended before its answer did; it may have read what it was asked, and bill it."""


class UpstreamTimeout(Problem):
    """A model provider or another outside service did not answer in time."""

    status, code = 504, "upstream_timeout"
    retryable = True


class Denied(Problem):
    """A store, queue or service does not let the platform in: a right or a key is missing. Whatever it is asked, it refuses."""


class Unavailable(Problem):
    """A store, queue or service that the platform stands on does not answer; a repeat may work."""

    status, code = 503, "unavailable"
    retryable = True
