"""The one OpenAPI document of both ways in over HTTP, and the pages that show it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import ListSerializer

from foundation.endpoint import CURSOR_HEADER, Endpoint
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

SECURITY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "administrator": {"type": "apiKey", "in": "cookie", "name": "access_token"},
}
PAGES_POLICY: Final = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class EndpointSchema(AutoSchema):
    """drf-spectacular's reading of an Endpoint."""

    @property
    def endpoint(self) -> Endpoint:
        """The view that is described."""
        return cast(Endpoint, self.view)

    def get_request_serializer(self) -> Any:
        return self.endpoint.request_shape

    def get_response_serializers(self) -> Any:
        shape = self.endpoint.response_shape
        good = shape(many=self.endpoint.many) if shape is not None else None
        refusals = {} if self.endpoint.open else dict.fromkeys(REFUSALS, Failure)
        shaped = self.endpoint.request_shape is not None or self.endpoint.query_shape is not None
        unprocessable = {"422": Issues} if shaped else {}
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
        return ["application/json"]

    def get_tags(self) -> list[str]:
        return [tag_of(self.path)]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [] if self.endpoint.open else [{self.endpoint.credential: []}]

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
    for capability in HOUSE.served:
        manifest = capability.manifest
        if any(
            bare.startswith(f"{prefix}/") for prefix in (*manifest.prefixes, *(f"{name}/service" for name in manifest.services))
        ):
            return manifest.title
    return "Platform"


def add_hot_routes(result: Mapping[str, Any], generator: Any, request: Any, public: bool) -> Mapping[str, Any]:
    """Put the hot routes and their shapes into drf-spectacular's document, which knows Django's views only."""
    routes: list[tuple[type[Capability], Route]] = [
        (capability, route) for capability in HOUSE.served if capability.manifest.hot for route in load(capability.manifest.hot)
    ]
    shapes = [shape for _, route in routes for shape in (route.request, route.response)]
    _, components = msgspec.json.schema_components(shapes, ref_template=COMPONENT)
    document = dict(result)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components)
    document["components"].setdefault("securitySchemes", {}).update(SECURITY_SCHEMES)
    document["paths"] = dict(
        sorted({**document.get("paths", {}), **{r.path: {"post": operation(c, r)} for c, r in routes}}.items())
    )
    return document


def operation(capability: type[Capability], route: Route) -> Mapping[str, Any]:
    """A hot route as an OpenAPI operation."""

    def body(name: str) -> Mapping[str, Any]:
        return {"application/json": {"schema": {"$ref": COMPONENT.format(name=name)}}}

    refusals = {status: {"description": text, "content": body("Failure")} for status, text in REFUSALS.items()}
    return {
        "operationId": f"{route.path.strip('/').replace('/', '_')}_post",
        "summary": route.summary,
        "tags": [capability.manifest.title],
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": body(route.request.__name__)},
        "responses": {
            "200": {"description": "Done.", "content": body(route.response.__name__)},
            **refusals,
            "422": {"description": "A field does not have its form.", "content": body("Issues")},
            "502": {"description": "The model's provider failed.", "content": body("Failure")},
            "503": {"description": "The model cannot be reached right now.", "content": body("Failure")},
        },
    }


def described() -> Mapping[str, Any]:
    """The document of everything that this process serves."""
    document: Mapping[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
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
