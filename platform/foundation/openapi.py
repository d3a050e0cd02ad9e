"""The one OpenAPI document of both ways in over HTTP, and the pages that show it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import ListSerializer

from foundation.endpoint import CURSOR_HEADER, Endpoint
from foundation.middleware import CONTENT_POLICY
from foundation.openapi_parts import ALTERNATIVES, STATUSES
from foundation.records import MAXIMUM_PAGE
from foundation.settings import HOUSE
from foundation.wire import Failure, Issues

REFUSALS: Final = (400, 401, 403, 404, 429, 500, 503)
BY_MODELS: Final = (402, 502, 504)  # beside them, where a model has a part in the answer
ANYTHING: Final = {"description": "JSON, as what it is passed on from has it."}
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
        good = getattr(shape, "SCHEMA", None) or (ANYTHING if shape is None else shape(many=self.endpoint.many))
        good = {"type": "array", "items": good} if self.endpoint.many and isinstance(good, dict) else good
        successes: dict[Any, Any] = {str(each): good for each in (self.endpoint.success, *self.endpoint.other_successes)}
        if self.endpoint.file:
            successes = {(str(self.endpoint.success), self.endpoint.file): OpenApiTypes.BINARY}
        return {**successes, **self._refusals()}

    def _refusals(self) -> Mapping[str, Any]:
        """What it answers when it does not do what was asked."""
        endpoint = self.endpoint
        own, shaped = endpoint.refusal_shape, endpoint.request_shape is not None or endpoint.query_shape is not None
        statuses = {
            *(() if endpoint.open else REFUSALS),
            *(BY_MODELS if endpoint.asks_models else ()),
            *endpoint.other_refusals,
        }
        statuses |= {413} if endpoint.request_shape is not None else set()
        said = {str(status): OpenApiResponse(own or Failure, STATUSES[status]) for status in sorted(statuses)}
        return {**said, "422": OpenApiResponse(Issues, STATUSES[422])} if shaped and own is None else said

    def get_override_parameters(self) -> list[Any]:
        success = [str(self.endpoint.success)]
        told = [
            OpenApiParameter(
                name, str, OpenApiParameter.HEADER, description=text, response=[*success, *map(str, self._refusals())]
            )
            for name, text in self.endpoint.tells.items()
        ]
        asked = [*told, *([self.endpoint.query_shape] if self.endpoint.query_shape is not None else [])]
        if not self.endpoint.paged:
            return asked
        return [
            *asked,
            OpenApiParameter("limit", int, description=f"At most this many items, 1 to {MAXIMUM_PAGE}."),
            OpenApiParameter("cursor", str, description=f"Continues a list: the {CURSOR_HEADER} header of its last page."),
            OpenApiParameter(
                CURSOR_HEADER,
                str,
                OpenApiParameter.HEADER,
                description="Where the list goes on; not there at its end.",
                response=success,
            ),
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
