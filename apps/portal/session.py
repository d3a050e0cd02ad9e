"""Signing in and out over HTTP: to the issuer and back, by way of mozilla-django-oidc."""

import logging
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from django.contrib import auth
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from apps.portal.backend import callback_url
from apps.portal.pages import Page, shown
from foundation.settings import CHOSEN

logger = logging.getLogger(__name__)


def safe_next(wanted: str | None) -> str | None:
    """The page to come back to, when it is one of the portal's own; None for anything else."""
    if wanted is None or not wanted.startswith("/admin/") or "\\" in wanted or ".." in wanted.partition("?")[0].split("/"):
        return None
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else None


class SignIn(OIDCAuthenticationRequestView):
    """/admin/sign-in: on to the issuer, with a state, a nonce and a PKCE challenge that only this session knows."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        elsewhere = request.get_host() != urlsplit(CHOSEN.public_url).netloc
        if elsewhere and "moved" not in request.GET:  # the session's cookie must be at the host that the issuer leads back to
            query = urlencode({**request.GET.dict(), "moved": "1"})
            return HttpResponseRedirect(f"{CHOSEN.public_url}{request.path}?{query}")
        onward: HttpResponseBase = super().get(request)
        request.session["oidc_login_next"] = safe_next(request.GET.get("next"))
        return onward

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """Overrides what the library would make of the Host header."""
        return {"redirect_uri": callback_url()}


class Callback(OIDCAuthenticationCallbackView):
    """/admin/oidc/callback/: back from the issuer. A state that this session does not know, or used before, is refused."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if "error" in request.GET:  # the library would sign out whoever follows such a link
            return sign_in_failed(request, 400)
        try:
            answer: HttpResponseBase = super().get(request)
        except SuspiciousOperation as refused:
            logger.warning("a sign-in was refused: %s", refused)
            return sign_in_failed(request, 400)
        except requests.RequestException as silent:
            logger.warning("a sign-in failed at the issuer: %s", type(silent).__name__)
            return sign_in_failed(request, 502)
        return answer

    def login_failure(self) -> HttpResponseBase:
        """What the library could not use, said on a page."""
        return sign_in_failed(self.request, 400)


def sign_in_failed(request: HttpRequest, status: int) -> HttpResponse:
    """The page that says so and offers to try again. Nobody is signed in by it or out of it."""
    return shown(request, "sign_in_failed", status, unreachable=status == 502)


class SignOut(Page):
    """POST /admin/sign-out: ends the portal's session, then the issuer's."""

    open = True

    def post(self, request: HttpRequest, **path: Any) -> HttpResponseBase:
        auth.logout(request)
        query = urlencode(
            {"client_id": CHOSEN.administrators_client, "logout_uri": CHOSEN.public_url + reverse("portal-dashboard")}
        )
        return HttpResponseRedirect(f"{CHOSEN.administrators_domain}/logout?{query}")
