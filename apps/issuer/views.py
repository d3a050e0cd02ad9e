"""The issuer over HTTP: the token endpoint for programs, the sign-in pages for people."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST, require_safe

from apps.issuer import browser, passwords, services
from apps.issuer.forms import NewPasswordForm, SignInForm
from apps.issuer.protocol import AuthorizationRequest, Refused
from foundation.endpoint import as_problem
from foundation.errors import Conflict, Invalid, Problem, TooLarge, TooMany, Unauthenticated
from foundation.settings import CHOSEN

FORM: Final = "application/x-www-form-urlencoded"
LARGEST_FORM: Final = 20_000
ERRORS: Final[Mapping[int, str]] = {413: "invalid_request", 429: "slow_down", 503: "temporarily_unavailable"}
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; "
    f"form-action 'self' {CHOSEN.origin}"  # the redirect that answers a form leads to the portal, maybe on another origin
)


# For programs


def _json(answer: Callable[[], Mapping[str, Any]], path: str) -> HttpResponse:
    try:
        return JsonResponse(dict(answer()))
    except Exception as raised:
        return _failure(as_problem(raised, path))


def _failure(problem: Problem) -> HttpResponse:
    body = problem.body()
    if "error" not in body:
        body = {"error": ERRORS.get(problem.status, "server_error"), "error_description": problem.detail}
    return JsonResponse(dict(body), status=problem.status, headers=dict(problem.told))


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """POST /oauth2/token (RFC 6749, 3.2)."""
    response = _json(
        lambda: services.token(request.headers.get("Authorization"), _form(request), _address(request)), request.path
    )
    response.headers["Cache-Control"], response.headers["Pragma"] = "no-store", "no-cache"
    return response


def _form(request: HttpRequest) -> Mapping[str, list[str]]:
    if request.content_type != FORM:
        raise Refused("invalid_request", f"the body must be a form with Content-Type {FORM}")
    try:
        if len(request.body) > LARGEST_FORM:
            raise TooLarge(f"a token request has at most {LARGEST_FORM} bytes")
        return dict(request.POST.lists())
    except (BadRequest, TooManyFieldsSent) as malformed:
        raise Refused("invalid_request", "the body is not a form that can be read") from malformed


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


@csrf_exempt
def user_info(request: HttpRequest) -> HttpResponse:
    """/oauth2/userInfo (OpenID Connect Core, 5.3)."""
    response = _json(lambda: services.user_info(request.headers.get("Authorization")), request.path)
    if response.status_code == 401:
        response.content = b'{"error":"invalid_token","error_description":"no good access token with the scope openid"}'
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


@require_safe
def discovery(request: HttpRequest, pool: str) -> HttpResponse:
    """The OpenID Connect metadata of a pool."""
    return _published(services.discovery(pool))


@require_safe
def keys(request: HttpRequest, pool: str) -> HttpResponse:
    """The public keys of a pool."""
    return _published(services.published_keys(pool))


def _published(document: Mapping[str, Any]) -> HttpResponse:
    return JsonResponse(dict(document), headers={"Cache-Control": "public, max-age=30", "Access-Control-Allow-Origin": "*"})


# For people


def _page(request: HttpRequest, name: str, status: int = 200, **shown: Any) -> HttpResponse:
    response = render(request, f"issuer/{name}.html", {"portal": CHOSEN.public_url + "/admin/", **shown}, status=status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _in_words(answer: Callable[[], HttpResponseBase], request: HttpRequest) -> HttpResponseBase:
    """The answer, or a page that says what is wrong; back to the client where the protocol wants its refusals."""
    try:
        return answer()
    except Refused as refused:
        if refused.location is not None:
            return HttpResponseRedirect(refused.location)
        return _page(request, "refused", refused.status, title="This link does not work", problem=refused.detail)
    except TooMany as many:
        minutes = -(-(many.retry_after or 60) // 60)
        wait = f"Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again."
        response = _page(request, "refused", many.status, title="Too many attempts", problem=f"{many.detail} {wait}")
        response.headers["Retry-After"] = str(many.retry_after)
        return response
    except Problem as problem:
        return _page(request, "refused", problem.status, title="This does not work right now", problem=problem.detail)


def _next(request: HttpRequest, path: str) -> HttpResponseBase:
    return HttpResponseRedirect(f"{path}?{request.META.get('QUERY_STRING', '')}")


def _proceed(asked: AuthorizationRequest, found: browser.SignIn) -> HttpResponseBase:
    return HttpResponseRedirect(services.authorize(asked, found.person, found.moment))


@require_GET
def authorize(request: HttpRequest) -> HttpResponseBase:
    """GET /oauth2/authorize: straight back with a code for who is signed in, to the sign-in page for everybody else."""
    return _in_words(lambda: _authorized(request), request)


def _authorized(request: HttpRequest) -> HttpResponseBase:
    asked = services.asked_to_sign_in(dict(request.GET.lists()))
    found = browser.signed_in(request.session)
    if found is not None and asked.prompt != "login":
        return _proceed(asked, found)
    if asked.prompt == "none":
        return HttpResponseRedirect(asked.answered(error="login_required", error_description="nobody is signed in"))
    return _next(request, "/login")


class PersonView(View):
    """A page of the sign-in, for the authorization request in its query."""

    asked: AuthorizationRequest

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        return _in_words(lambda: self._asked(request), request)

    def _asked(self, request: HttpRequest) -> HttpResponseBase:
        self.asked = services.asked_to_sign_in(dict(request.GET.lists()))
        return super().dispatch(request)


class SignIn(PersonView):
    """/login: the page that asks for e-mail address and password."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        found = browser.signed_in(request.session)
        if found is not None and self.asked.prompt != "login":
            return _proceed(self.asked, found)
        return _page(request, "sign_in", form=SignInForm())

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._again(request, form, "Enter your e-mail address and your password.")
        try:
            person = services.sign_in(form.cleaned_data["email"], form.cleaned_data["password"], _address(request))
        except Unauthenticated as wrong:
            return self._again(request, form, wrong.detail)
        rotate_token(request)
        found = browser.remember(request.session, person)
        return _next(request, "/login/new-password") if person.must_change else _proceed(self.asked, found)

    def _again(self, request: HttpRequest, form: forms.Form, problem: str) -> HttpResponse:
        return _page(request, "sign_in", 400, form=form, problem=problem)


class NewPassword(PersonView):
    """/login/new-password: the page that asks who came with a one-time password to choose another."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        found = browser.changing(request.session)
        return self._shown(request, found) if found else _next(request, "/login")

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponseBase:
        found = browser.changing(request.session)
        if found is None:
            return _next(request, "/login")
        form = NewPasswordForm(request.POST)
        if not form.is_valid():
            return self._shown(request, found, 400, "Enter the new password twice.")
        try:
            person = services.choose_password(found.person, form.cleaned_data["password"], form.cleaned_data["repeated"])
        except Invalid as wrong:
            return self._shown(request, found, 400, wrong.detail)
        except Conflict:  # chosen in another window meanwhile
            return _next(request, "/login")
        return _proceed(self.asked, browser.remember(request.session, person))

    def _shown(self, request: HttpRequest, found: browser.SignIn, status: int = 200, problem: str = "") -> HttpResponse:
        bounds = {"shortest": passwords.SHORTEST, "longest": passwords.LONGEST}
        return _page(request, "new_password", status, email=found.person.email, problem=problem, **bounds)


@require_GET
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """GET /logout: end the issuer's part of the session and go back to a registered address."""
    return _in_words(lambda: _signed_out(request), request)


def _signed_out(request: HttpRequest) -> HttpResponseBase:
    address = services.sign_out_address(request.GET.get("client_id", ""), request.GET.get("logout_uri", ""))
    browser.forget(request.session)
    return HttpResponseRedirect(address)
