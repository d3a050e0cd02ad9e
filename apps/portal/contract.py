"""The JSON that the original's portal asked for, at its paths."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from apps.applications import services as applications
from apps.portal import pages, relay, services
from apps.portal.by_cookie import COOKIE, ByCookie, administrator
from apps.portal.reports import Period
from apps.portal.serializers import (
    ClientById,
    CreatedClient,
    IndexesQuery,
    Items,
    ListedClient,
    Message,
    MetricsQuery,
    NewClient,
    ServiceStatus,
    moment,
)
from foundation import openapi
from foundation.ambient import now
from foundation.errors import Problem
from foundation.identity import Caller

BEGINNING: Final = date(2000, 1, 1)


class Document(ByCookie):
    """One OpenAPI document of the four services; null when none of them answers."""

    def get(self, caller: Caller) -> Mapping[str, Any] | None:
        return relay.merged_document()


class ServicesHealth(ByCookie):
    """Whether each of the four services answers."""

    response_shape, many = ServiceStatus, True

    def get(self, caller: Caller) -> list[Mapping[str, str]]:
        up = relay.which_are_up(tuple(relay.SERVICES))
        return [
            {"service_name": title, "status": "healthy" if up[name] else "unhealthy"} for name, title in relay.SERVICES.items()
        ]


def docs(request: HttpRequest) -> HttpResponseBase:
    """GET /admin/docs: the pages to read, for the document of the four services."""
    try:
        administrator(request.COOKIES.get(COOKIE, ""))
    except Problem:
        if not request.user.is_authenticated:
            return pages.error(request, 401)
    return openapi.rendered_pages(request, "/admin/platform/openapi.json")


class CreateClient(ByCookie):
    """Onboard an application."""

    request_shape, response_shape = NewClient, CreatedClient

    def post(self, caller: Caller, wanted: dict[str, str]) -> Mapping[str, str]:
        made, credentials = applications.create(wanted["app_name"], wanted["description"])
        return {
            "client_id": made.client,
            "client_secret": credentials.secret,
            "client_secret_arn": credentials.reference,
            "status": "active",
        }


class DeactivateClient(ByCookie):
    """Keep an application out."""

    request_shape, response_shape = ClientById, Message

    def post(self, caller: Caller, wanted: dict[str, str]) -> Mapping[str, str]:
        applications.set_active(wanted["app_id"], False)
        return {"message": "Client deactivated successfully"}


class ActivateClient(ByCookie):
    """Let an application in again."""

    request_shape, response_shape = ClientById, Message

    def post(self, caller: Caller, wanted: dict[str, str]) -> Mapping[str, str]:
        applications.set_active(wanted["app_id"], True)
        return {"message": "Client activated successfully"}


class AllClients(ByCookie):
    """Every application, newest first, page by page."""

    response_shape, many, paged = ListedClient, True, True

    def get(self, caller: Caller, limit: int, cursor: str | None) -> Any:
        if not applications.has_name(relay.OWN):  # it is on the list too
            relay.application()
        return applications.page(limit=limit, cursor=cursor)


def period(wanted: Mapping[str, Any]) -> Period:
    """The days that a query asks for."""
    return Period(wanted["start_date"] or BEGINNING, wanted["end_date"] or now().date())


class InvocationMetrics(ByCookie):
    """Model calls of an application, by model."""

    request_shape, response_shape = MetricsQuery, Items

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, Any]:
        return {
            one.model_id: {
                "total_count": one.calls,
                "total_input_tokens": one.input_tokens,
                "total_output_tokens": one.output_tokens,
                "status_counts": {
                    status: count for status, count in (("SUCCESS", one.succeeded), ("FAILED", one.failed)) if count
                },
                "model_name": one.model_name,
            }
            for one in services.model_use(wanted["app_id"], period(wanted))
        }


FILE_COUNTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "extraction": ("total_total_file_count", "total_completed_file_count", "total_failed_file_count"),
    "chunking": ("total_total_files", "total_completed_files", "total_failed_files"),
    "vectorization": ("total_total_files", "total_completed_files", "total_failed_files"),
}


class JobMetrics(ByCookie):
    """Jobs of an application, by status."""

    request_shape, response_shape = MetricsQuery, Items
    job_kind: str = ""

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, Any]:
        total, completed, failed = FILE_COUNTS[self.job_kind]
        return {
            one.status: {"total_count": one.jobs, total: one.files, completed: one.completed, failed: one.failed}
            for one in services.job_counts(self.job_kind, wanted["app_id"], period(wanted))
        }


class VectorStores(ByCookie):
    """The vector stores of an application."""

    request_shape, response_shape = MetricsQuery, Items

    def post(self, caller: Caller, wanted: dict[str, Any]) -> list[Mapping[str, str]]:
        start, end = period(wanted).between
        return [
            {
                "vector_store_id": one.store,
                "store_name": one.name,
                "app_id": one.application,
                "created_at": moment(one.created),
                "host": "",
                "store_type": one.type,
            }
            for one in services.stores(wanted["app_id"])
            if start <= one.created <= end
        ]


class VectorIndexes(ByCookie):
    """The indexes of a vector store."""

    request_shape, response_shape = IndexesQuery, Items

    def post(self, caller: Caller, wanted: dict[str, Any]) -> list[Mapping[str, str]]:
        return [
            {
                "index_id": one.index,
                "vector_store_id": one.store,
                "index_name": one.name,
                "created_at": moment(one.created),
            }
            for one in services.indexes(wanted["app_id"], wanted["vector_store_id"])
        ]


class AsItCame(JSONRenderer):
    """Bytes as they are; what is not bytes is an error of ours, as JSON."""

    def render(self, data: Any, *context: Any, **options: Any) -> Any:
        return data if isinstance(data, bytes) else super().render(data, *context, **options)


class Relay(ByCookie):
    """Pass a call on to a service, in the name of the portal's own application; its answer comes back as it is."""

    renderer_classes = [AsItCame]
    service: str = ""

    def get(self, caller: Caller, rest: str) -> relay.Answer:
        return relay.relayed("GET", f"{self.service}/{rest}", self._query())

    def post(self, caller: Caller, rest: str) -> relay.Answer:
        return relay.relayed("POST", f"{self.service}/{rest}", self._query(), self.request._request.body)

    def _query(self) -> str:
        return str(self.request.META.get("QUERY_STRING", ""))

    def _rendered(self, result: Any) -> Response:
        return Response(result.body, status=result.status, content_type=result.content_type)


def missing(request: HttpRequest, rest: str) -> HttpResponse:
    """Every other address under /admin: a page for browsers, JSON for programs."""
    if "text/html" in request.headers.get("Accept", ""):
        return pages.error(request, 404)
    return HttpResponse(b'{"detail":"Not Found","code":"not_found"}', status=404, content_type="application/json")
