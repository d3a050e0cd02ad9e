"""What both ways in over HTTP share in the OpenAPI document: statuses, security schemes, and headers that are declared once."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from foundation import metrics
from foundation.manifest import load
from foundation.settings import HOUSE

COMPONENT: Final = "#/components/schemas/{name}"
HEADER: Final = "#/components/headers/{name}"
TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "integer"}
RETRY_AFTER: Final = "retry-after"
NUMBERS: Final = ("age", RETRY_AFTER, "x-ratelimit-")  # how the names begin of headers that are whole numbers
STATUSES: Final[Mapping[int, str]] = {
    400: "What was asked cannot be done; the answer says why and what to do.",
    401: "No good access token or key.",
    402: "The application has spent what it may.",
    403: "The token lacks the scope, or the application may not do this.",
    404: "There is no such thing, or it is not the caller's.",
    409: "It was changed by others meanwhile; read it again and repeat.",
    413: "The body is larger than the limit of this platform.",
    422: "A field does not have its form.",
    429: "Over a limit.",
    500: "The platform failed; the failure is in its log.",
    502: "The model's provider failed.",
    503: "What the platform stands on does not answer right now.",
    504: "The model's provider did not answer in time.",
    529: "What the platform stands on does not answer right now.",
}
REQUEST_ID: Final = "x-request-id"
ASKED: Final = "The request's id; where a model is asked for, that of the call on the account."
WAITING: Final = ("402", "429", "502", "503", "504", "529")  # the statuses with which Retry-After may come
WAIT: Final = "In how many seconds it may work; not there where that is not known, or where it never will as it is."
SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of the token endpoint (a JWT), or an API key of the application.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "An API key of the application, as Anthropic's clients send it.",
    },
    "administrator": {"type": "apiKey", "in": "cookie", "name": "access_token"},
    "client": {"type": "http", "scheme": "basic", "description": "The id and the secret of a client."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN."},
}
ALTERNATIVES: Final = {"bearer": ("bearer", "api_key")}  # an API key does wherever an access token does


def header(name: str, text: str) -> Mapping[str, Any]:
    """A response's header."""
    return {"description": text, "schema": NUMBER if name.startswith(NUMBERS) else TEXT}


def finish(result: Mapping[str, Any], generator: Any, request: Any, public: bool) -> Mapping[str, Any]:
    """Add the paths that neither way in describes, the security schemes, and Retry-After; declare each header once."""
    document = dict(result)
    plain = {path: item for capability in HOUSE.told for path, item in plain_paths(capability.manifest.described)}
    added = deepcopy({**plain, "/metrics": {"get": metrics.OPERATION}})
    document["paths"] = dict(sorted({**document["paths"], **added}.items()))
    parts = document["components"]
    parts.setdefault("securitySchemes", {}).update(SECURITY_SCHEMES)
    for status, response in responses(document):
        waiting = {RETRY_AFTER: header(RETRY_AFTER, WAIT)} if status in WAITING else {}
        own = {name.lower(): each for name, each in response.get("headers", {}).items()}
        headers = {REQUEST_ID: header(REQUEST_ID, ASKED), **own, **waiting}
        for name, each in headers.items():
            if parts.setdefault("headers", {}).setdefault(name, each) != each:
                raise ValueError(f"the header {name} is described in two ways")
        response["headers"] = {name: {"$ref": HEADER.format(name=name)} for name in headers}
    return document


def plain_paths(described: str | None) -> Iterator[tuple[str, Any]]:
    """The paths of Django's own views that a capability describes by itself."""
    yield from load(described).items() if described else ()


def responses(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every response of every operation, with its status."""
    for methods in document["paths"].values():
        for operation in methods.values():
            yield from operation["responses"].items()
