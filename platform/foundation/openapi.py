"""The one OpenAPI document of both ways in over HTTP, and the pages that show it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct
from rest_framework.serializers import ListSerializer

from foundation.endpoint import CURSOR_HEADER, Endpoint
from foundation.errors import (
    Forbidden,
    Invalid,
    NotFound,
    OverBudget,
    Problem,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    Unprocessable,
    UpstreamFailed,
    UpstreamTimeout,
)
from foundation.hot import Route
from foundation.manifest import Capability, load
from foundation.middleware import CONTENT_POLICY
from foundation.records import MAXIMUM_PAGE
from foundation.settings import HOUSE
from foundation.wire import Failure, Issues

COMPONENT: Final = "#/components/schemas/{name}"
REFUSALS: Final = {
    "400": "What was asked cannot be done; `detail` says why and what to do.",
    "401": "No good access token.",
    "403": "The token lacks the scope.",
    "404": "There is no such thing, or it is not the caller's.",
}
PROBLEMS: Final[tuple[tuple[Problem, str], ...]] = (
    (Invalid(""), REFUSALS["400"]),
    (Unauthenticated(""), REFUSALS["401"]),
    (OverBudget(""), "The application has spent what it may; `Retry-After` says when its next day or month begins."),
    (Forbidden(""), "The token lacks the scope, or the application may not call this model."),
    (NotFound(""), REFUSALS["404"]),
    (UnknownModel(""), "There is no such model."),
    (Unprocessable(()), "A field does not have its form."),
    (TooMany(""), "Over a limit; `Retry-After` says in how many seconds it may work."),
    (UpstreamFailed(""), "The model's provider failed."),
    (Unavailable(""), "The model cannot be reached right now."),
    (UpstreamTimeout(""), "The model's provider did not answer in time."),
)
TEXT: Final = {"type": "string"}
EVENT_STREAM: Final = "text/event-stream"
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
}
ALTERNATIVES: Final = {"bearer": ("bearer", "api_key")}  # an API key does wherever an access token does
PAGES_POLICY: Final = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class EndpointSchema(AutoSchema):
    """drf-spectacular's reading of an Endpoint."""

    @property
    def endpoint(self) -> Endpoint:
        """The view that is described: of several at one URL, that of the method."""
        return cast(Endpoint, self.view).answering(self.method)()

    def get_request_serializer(self) -> Any:
        return self.endpoint.request_shape

    def get_response_serializers(self) -> Any:
        shape = self.endpoint.response_shape
        good = shape(many=self.endpoint.many) if shape is not None else None
        refusal = self.endpoint.refusal_shape
        refusals = {} if self.endpoint.open else dict.fromkeys(REFUSALS, refusal or Failure)
        shaped = self.endpoint.request_shape is not None or self.endpoint.query_shape is not None
        unprocessable = {"422": Issues} if shaped and refusal is None else {}
        successes = {str(status): good for status in (self.endpoint.success, *self.endpoint.other_successes)}
        return {**successes, **refusals, **unprocessable}

    def get_override_parameters(self) -> list[Any]:
        asked = [self.endpoint.query_shape] if self.endpoint.query_shape is not None else []
        if not self.endpoint.paged:
            return asked
        return [
            *asked,
            OpenApiParameter("limit", int, description=f"At most this many items, 1 to {MAXIMUM_PAGE}."),
            OpenApiParameter("cursor", str, description=f"Continues a list: the {CURSOR_HEADER} header of its last page."),
        ]

    def map_parsers(self) -> list[str]:
        return ["multipart/form-data" if self.endpoint.form else "application/json"]

    def get_tags(self) -> list[str]:
        return [tag_of(self.path)]

    def get_auth(self) -> list[dict[str, list[str]]]:
        credential = self.endpoint.credential
        return [] if self.endpoint.open else [{scheme: []} for scheme in ALTERNATIVES.get(credential, (credential,))]

    def get_operation_id(self) -> str:
        return "_".join([*self.path.strip("/").replace("{", "").replace("}", "").split("/"), self.method.lower()])

    def get_summary(self) -> str:
        return (type(self.endpoint).__doc__ or "").strip().partition("\n")[0]

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own signature, not DRF's
        return (type(self.endpoint).__doc__ or "").strip()

    def _is_list_view(self, serializer: Any = None) -> bool:
        return isinstance(serializer, ListSerializer)


def tag_of(path: str) -> str:
    """The title of the capability that serves a path."""
    bare = path.strip("/")
    for capability in HOUSE.told:
        manifest = capability.manifest
        if any(
            bare.startswith(f"{prefix}/") for prefix in (*manifest.prefixes, *(f"{name}/service" for name in manifest.services))
        ):
            return manifest.title
    return "Platform"


def add_hot_routes(result: Mapping[str, Any], generator: Any, request: Any, public: bool) -> Mapping[str, Any]:
    """Put the hot routes and their shapes into drf-spectacular's document, which knows Django's views only."""
    routes: list[tuple[type[Capability], Route]] = [
        (capability, route) for capability in HOUSE.told if capability.manifest.hot for route in load(capability.manifest.hot)
    ]
    shapes = {shape for _, route in routes for shape in shapes_of(route)}
    ordered = sorted(shapes, key=lambda shape: (shape.__module__, shape.__name__))
    references, components = msgspec.json.schema_components(ordered, ref_template=COMPONENT)
    schemas = dict(zip(ordered, references, strict=True))
    document = dict(result)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    document["components"].setdefault("securitySchemes", {}).update(SECURITY_SCHEMES)
    document["paths"] = dict(
        sorted({**document.get("paths", {}), **{r.path: {"post": operation(c, r, schemas)} for c, r in routes}}.items())
    )
    return document


def shapes_of(route: Route) -> Sequence[type[Struct]]:
    """The shapes that a hot route is described by."""
    return [route.request, route.response, *([route.refusal] if route.refusal is not None else [])]


def operation(capability: type[Capability], route: Route, schemas: Mapping[type[Struct], Any]) -> Mapping[str, Any]:
    """A hot route as an OpenAPI operation; schemas: for each shape, where its schema is."""
    good = {"application/json": {"schema": schemas[route.response]}}
    stream = {EVENT_STREAM: {"schema": {"type": "string", "description": "Server-sent events."}}} if route.streams else {}
    return {
        "operationId": f"{route.path.strip('/').replace('/', '_')}_post",
        "summary": route.summary,
        "tags": [capability.manifest.title],
        "security": [{scheme: []} for scheme in ALTERNATIVES["bearer"]],
        "parameters": [
            {"in": "header", "name": name, "description": text, "schema": TEXT} for name, text in route.takes.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schemas[route.request]}}},
        "responses": {
            "200": {"description": "Done.", "content": {**good, **stream}, "headers": told(route)},
            **refusals(route, schemas),
        },
    }


def told(route: Route) -> Mapping[str, Any]:
    """The headers of a hot route's answer."""
    return {name: {"description": text, "schema": TEXT} for name, text in route.tells.items()}


def refusals(route: Route, schemas: Mapping[type[Struct], Any]) -> Mapping[str, Any]:
    """What a hot route answers when it does not do what was asked: the statuses and the shape of its own dialect."""
    said: dict[str, Any] = {}
    for problem, text in PROBLEMS:
        status, _ = route.failure(problem)
        own = "Issues" if isinstance(problem, Unprocessable) else "Failure"
        schema = {"$ref": COMPONENT.format(name=own)} if route.refusal is None else schemas[route.refusal]
        said.setdefault(str(status), {"description": text, "content": {"application/json": {"schema": schema}}})
    return dict(sorted(said.items()))


def described() -> Mapping[str, Any]:
    """The document of everything that this process serves, or of the whole platform where it is the front."""
    generator = SchemaGenerator(urlconf="foundation.told_urls")  # type: ignore[no-untyped-call]
    document: Mapping[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


def document(request: HttpRequest) -> HttpResponse:
    """GET /openapi.json."""
    return JsonResponse(described())


def meta(service: str) -> Callable[[HttpRequest], HttpResponse]:
    """The view of `/<service>/service/meta`: the part of the document under that service's path."""

    def view(request: HttpRequest) -> HttpResponse:
        whole = described()
        own = {path: operations for path, operations in whole["paths"].items() if path.startswith(f"/{service}/")}
        return JsonResponse({**whole, "paths": own})

    return view


def pages(request: HttpRequest) -> HttpResponse:
    """GET /docs: the document to read."""
    return rendered_pages(request, "openapi.json")


def rendered_pages(request: HttpRequest, document: str) -> HttpResponse:
    """A page that shows the document at this URL. Only here may styles stand in elements: Swagger UI writes such ones."""
    response = render(request, "docs.html", {"document": document})
    response.headers["Content-Security-Policy"] = PAGES_POLICY
    return response
