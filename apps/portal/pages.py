"""What every page of the portal has: an administrator who is signed in, a frame around it, and errors in its look."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views import View

from apps.portal.backend import EMAIL
from foundation.endpoint import as_problem
from foundation.middleware import CONTENT_POLICY
from foundation.settings import CHOSEN

logger = logging.getLogger(__name__)
ISSUER: Final = "{0.scheme}://{0.netloc}".format(urlsplit(CHOSEN.administrators_domain))
POLICY: Final = CONTENT_POLICY.replace("form-action 'self'", f"form-action 'self' {ISSUER}")  # signing out leads there
ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("This cannot be done", "Go back, and try again with other values."),
    403: ("This was refused", "Go back to the page that you came from, load it again, and repeat what you did."),
    404: ("There is no such page", "The address may be mistyped, or what it showed is gone."),
    405: ("This address takes forms only", "Go back to the page that you came from, and use its button."),
    409: ("Somebody else was faster", "Load the page again to see how things are now."),
    429: ("Too many requests", "Wait a little, then try again."),
    503: ("A part of the platform does not answer", "Try again in a moment. The health page shows which part it is."),
}
UNEXPECTED: Final = ("Something went wrong on our side", "The failure is in the platform's log. Try again in a moment.")


def shown(request: HttpRequest, template: str, status: int = 200, /, **values: Any) -> HttpResponse:
    """A page in the portal's frame."""
    signed_in = request.user.is_authenticated
    context = {"email": request.session.get(EMAIL) if signed_in else None, "here": request.path, **values}
    response = render(request, f"portal/{template}.html", context, status=status)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def error(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """The page of an error: what happened, and what to do."""
    title, advice = ERRORS.get(status, UNEXPECTED)
    return shown(request, "error", status, title=title, advice=advice, detail=detail, code=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page of a form that came without the token of its session, from here or from elsewhere."""
    return error(request, 403, "The form did not come from this session, or the session changed in between.")


def sign_in_url(request: HttpRequest) -> str:
    """Where to sign in, and to come back to this page afterwards."""
    wanted = request.get_full_path() if request.method == "GET" else reverse("portal-dashboard")
    return f"{reverse('portal-sign-in')}?{urlencode({'next': wanted})}"


class Page(View):
    """A page for administrators. A subclass has `get` or `post`; a Problem that it raises becomes an error page."""

    open: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        try:
            if not self.open and not request.user.is_authenticated:
                return HttpResponseRedirect(sign_in_url(request))
            return super().dispatch(request, *args, **path)
        except Exception as raised:
            problem = as_problem(raised, request.path)
            return error(request, problem.status, problem.detail)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponse:
        """What a browser sees that comes with a link to what only a form may ask for."""
        response = error(request, 405)
        response.headers["Allow"] = super().http_method_not_allowed(request, *args, **path).headers["Allow"]
        return response
