"""Headers and redirects that every answer of Django has, whichever capability made it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import Resolver404, resolve

from foundation.ambient import new_timed_id

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class KeepMethodRedirect(HttpResponseRedirect):
    """A redirect after which the client repeats the same method with the same body (RFC 9110, 307)."""

    status_code = 307


class PlatformHeaders:
    """Adds the security headers and an id, and sends a path with one slash too many to the path without it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 404 and request.path.endswith("/") and not request.path.startswith("//"):
            response = self._without_slash(request, response)
        response.headers.setdefault("X-Request-Id", new_timed_id())
        response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _without_slash(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        shorter = request.path_info.rstrip("/")
        try:
            resolve(shorter)
        except Resolver404:
            return response
        query = request.META.get("QUERY_STRING", "")
        return KeepMethodRedirect(shorter + (f"?{query}" if query else ""))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The 404 of a path that nothing serves here."""
    return HttpResponse(b'{"detail":"Not Found","code":"not_found"}', status=404, content_type="application/json")


def server_error(request: HttpRequest) -> HttpResponse:
    """The 500 of what no view caught."""
    return HttpResponse(
        b'{"detail":"Internal Server Error","code":"internal_error"}', status=500, content_type="application/json"
    )
