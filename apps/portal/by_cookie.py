"""Administrators who are known by the cookie `access_token`, and how it is set and forgotten.

The cookie may come with requests that other sites cause (SameSite=None is the contract's), so what changes something is
done only for JSON from the portal's own origin.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apps.applications.records import PLATFORM
from apps.portal.serializers import Message
from foundation.endpoint import Endpoint
from foundation.errors import Forbidden, Unauthenticated
from foundation.identity import Caller, administrators, bearer
from foundation.settings import CHOSEN

COOKIE: Final = "access_token"
COOKIE_AGE: Final = 3600
SAFE: Final = ("GET", "HEAD")


def administrator(token: str) -> Caller:
    """The administrator of an access token of the portal's client; Unauthenticated for any other token."""
    claims = administrators.claims(token)
    if claims.get("client_id") != CHOSEN.administrators_client:
        raise Unauthenticated("Token verification failed: it was issued to another client")
    return Caller(PLATFORM, str(claims.get("sub")))


def refuse_other_sites(request: Request) -> None:
    """Forbidden for a change that is not JSON, or that a browser says another site caused."""
    said = request.headers.get("Origin") or request.headers.get("Referer")
    if said is not None and "{0.scheme}://{0.netloc}".format(urlsplit(said)) != CHOSEN.origin:
        raise Forbidden(f"a change by cookie is taken from {CHOSEN.origin} only")
    if str(request.content_type).partition(";")[0].strip().lower() != "application/json":
        raise Forbidden("a change by cookie must have the Content-Type application/json")


class ByCookie(Endpoint):
    """An endpoint for administrators."""

    credential: ClassVar[str] = "administrator"

    def caller(self, request: Request) -> Caller:
        token = request.COOKIES.get(COOKIE)
        if not token:
            raise Unauthenticated("Not authenticated")
        if request.method not in SAFE:
            refuse_other_sites(request)
        return administrator(token)

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **path)
        response.headers["Access-Control-Allow-Origin"] = CHOSEN.origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        return response


class SetCookie(ByCookie):
    """Keep the access token of the Authorization header in a cookie."""

    response_shape = Message
    credential = "bearer"

    def caller(self, request: Request) -> Caller:
        self.token = bearer(request.headers.get("Authorization"))
        return administrator(self.token)

    def post(self, caller: Caller) -> Mapping[str, str]:
        return {"message": "Cookie set successfully"}

    def _rendered(self, result: Any) -> Response:
        response = super()._rendered(result)
        response.set_cookie(COOKIE, self.token, max_age=COOKIE_AGE, path="/", secure=True, httponly=True, samesite="None")
        response.delete_cookie("id_token")
        return response


class UnsetCookie(ByCookie):
    """Forget the access token."""

    open = True
    response_shape = Message

    def get(self) -> Mapping[str, str]:
        return {"message": "Cookie unset successfully"}

    def _rendered(self, result: Any) -> Response:
        response = super()._rendered(result)
        response.set_cookie(COOKIE, "", max_age=0, path="/", secure=True, httponly=True, samesite="None")
        return response


class AuthStatus(ByCookie):
    """Whether the cookie is good."""

    response_shape = Message

    def get(self, caller: Caller) -> Mapping[str, str]:
        return {"message": "You are authenticated"}
