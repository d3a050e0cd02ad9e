"""24. What other sites, other people's sessions and other people's texts try on the portal."""

import html
import re
import uuid
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from apps.portal.backend import trusted
from apps.portal.session import safe_next
from foundation.settings import CHOSEN
from tests.portal.visitor import PASSWORD, CookieClient, Visitor, administrator, signed_in
from tests.running import Platform

ELSEWHERE = "https://evil.example"


@pytest.fixture(scope="module")
def visitor(platform: Platform) -> Visitor:
    """An administrator who is signed in."""
    return signed_in(platform)


@pytest.fixture
def application(visitor: Visitor) -> str:
    """The id of a new application."""
    return visitor.onboard(f"Target {uuid.uuid4().hex[:8]}")[0]


def is_active(visitor: Visitor, application: str) -> bool:
    """Whether the portal says that an application is active."""
    return "Active: it may call." in visitor.get(f"/admin/applications/{application}").text


# Forms of other sites


@pytest.mark.parametrize("action", ["deactivate", "rotate", "revoke-old", "activate"])
def test_a_form_without_the_sessions_token_changes_nothing(visitor: Visitor, application: str, action: str) -> None:
    url = f"{visitor.url}/admin/applications/{application}/{action}"
    for fields in ({}, {"csrfmiddlewaretoken": "x" * 64}):
        refused = visitor.session.post(url, fields, timeout=30)
        assert refused.status_code == 403 and "This was refused" in refused.text
    assert is_active(visitor, application)


def test_a_good_token_from_another_origin_changes_nothing(visitor: Visitor, application: str) -> None:
    page = visitor.get(f"/admin/applications/{application}/deactivate")
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    refused = visitor.session.post(page.url, {"csrfmiddlewaretoken": token[1]}, headers={"Origin": ELSEWHERE}, timeout=30)
    assert refused.status_code == 403 and is_active(visitor, application)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "", "Referer": f"{ELSEWHERE}/page"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_the_cookie_of_the_json_endpoints_does_nothing_for_other_sites(
    visitor: Visitor, application: str, headers: dict[str, str]
) -> None:
    by_cookie = CookieClient(visitor.url, visitor.access_token())
    refused = by_cookie.post("/admin/platform/deactivate_app_client", {"app_id": application}, **headers)
    assert refused.status_code in (403, 422) and is_active(visitor, application)


def test_other_origins_may_not_read_the_json_endpoints(visitor: Visitor) -> None:
    answer = CookieClient(visitor.url, visitor.access_token()).get("/admin/auth/status")
    assert answer.headers["Access-Control-Allow-Origin"] == visitor.url


# Where a sign-in leads


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/admin/",
        "//evil.example/admin/",
        "/\\evil.example/admin/",
        "/admin/..//evil.example\\@",
        "javascript:alert(1)",
        "/admin\\@evil.example",
        "\t//evil.example",
        "/login",
        "",
    ],
)
def test_a_sign_in_leads_nowhere_but_into_the_portal(platform: Platform, wanted: str) -> None:
    visitor, made = Visitor(platform), administrator(platform)
    asked = visitor.get(f"/admin/sign-in?{urlencode({'next': wanted})}")
    choosing = visitor.send(asked, email=made["email"], password=made["one_time_password"])
    there = visitor.send(choosing, password=PASSWORD, repeated=PASSWORD)
    assert urlsplit(there.url).netloc == urlsplit(platform.url).netloc
    assert urlsplit(there.url).path.startswith("/admin/")


def test_a_page_of_the_portal_is_the_only_place_to_come_back_to() -> None:
    assert safe_next("/admin/health?x=1") == "/admin/health?x=1"
    for other in (None, "", "/docs", "//admin/", "/admin//evil\\", "http://x/admin/"):
        found = safe_next(other)
        assert found is None or found.startswith("/admin/")


# State, nonce and session


def begun(visitor: Visitor) -> str:
    """The authorization request of a sign-in that begins in this browser."""
    sent = visitor.get("/admin/sign-in", allow_redirects=False)
    return sent.headers["Location"]


def answered(visitor: Visitor, request: str) -> str:
    """Where the issuer sends a browser that is signed in to it."""
    return str(visitor.session.get(request, allow_redirects=False, timeout=30).headers["Location"])


def signed_out_of_the_portal(platform: Platform) -> Visitor:
    """A browser in which the issuer knows somebody and the portal does not."""
    visitor, made = Visitor(platform), administrator(platform)
    choosing = visitor.send(visitor.get("/admin/"), email=made["email"], password=made["one_time_password"])
    form = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', choosing.text)
    assert form
    fields = {"csrfmiddlewaretoken": form[1], "password": PASSWORD, "repeated": PASSWORD}
    visitor.session.post(choosing.url, fields, allow_redirects=False, timeout=30)
    assert visitor.get("/admin/", allow_redirects=False).status_code == 302
    return visitor


def is_signed_in(visitor: Visitor) -> bool:
    """Whether the portal lets this browser in without asking the issuer."""
    return visitor.get("/admin/", allow_redirects=False).status_code == 200


def test_an_answer_is_good_once(platform: Platform) -> None:
    visitor = signed_out_of_the_portal(platform)
    callback = answered(visitor, begun(visitor))
    assert visitor.get(callback).status_code == 200 and is_signed_in(visitor)
    assert visitor.get(callback).status_code == 400


def test_an_answer_to_another_browser_signs_nobody_in(platform: Platform) -> None:
    attacker, victim = signed_out_of_the_portal(platform), Visitor(platform)
    callback = answered(attacker, begun(attacker))
    assert victim.get(callback).status_code == 400
    begun(victim)
    assert victim.get(callback).status_code == 400
    assert not is_signed_in(victim)


def test_a_code_under_this_browsers_state_but_another_nonce_or_challenge_is_refused(platform: Platform) -> None:
    for changed in ({"nonce": "another"}, {"nonce": ""}, {"code_challenge": "A" * 43}):
        visitor = signed_out_of_the_portal(platform)
        request = urlsplit(begun(visitor))
        query = {**{name: values[0] for name, values in parse_qs(request.query).items()}, **changed}
        callback = answered(visitor, f"{platform.url}{request.path}?{urlencode(query)}")
        assert visitor.get(callback).status_code in (400, 502)
        assert not is_signed_in(visitor)


def test_an_error_from_the_issuer_signs_nobody_in_or_out(visitor: Visitor) -> None:
    assert visitor.get("/admin/oidc/callback/?error=access_denied&state=x").status_code == 400
    assert is_signed_in(visitor)


def test_a_session_known_before_the_sign_in_is_worth_nothing_after_it(platform: Platform) -> None:
    victim, attacker = signed_out_of_the_portal(platform), Visitor(platform)
    request = begun(victim)
    attacker.session.cookies.update(victim.session.cookies)
    assert victim.get(answered(victim, request)).status_code == 200 and is_signed_in(victim)
    assert not is_signed_in(attacker)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": CHOSEN.applications_issuer},
        {"aud": "another-client"},
        {"aud": [CHOSEN.administrators_client, "another-client"]},
        {"aud": None},
        {"token_use": "access"},
        {"exp": 0},
        {"exp": "9999999999"},
        {"exp": None},
        {"sub": ""},
    ],
)
def test_claims_that_are_not_of_an_id_token_for_the_portal_are_refused(changed: dict[str, object]) -> None:
    good: dict[str, object] = {
        "iss": CHOSEN.administrators_issuer,
        "aud": CHOSEN.administrators_client,
        "token_use": "id",
        "exp": 2_000_000_000,
        "sub": "someone",
    }
    assert trusted(good, 1_900_000_000)
    assert not trusted({**good, **changed}, 1_900_000_000)


# Frames, scripts, names


def test_no_page_can_be_framed_or_run_a_script_from_elsewhere(visitor: Visitor, application: str) -> None:
    for path in ("/admin/", f"/admin/applications/{application}", "/admin/health", "/admin/metrics", "/admin/nowhere", "/docs"):
        page = visitor.get(path)
        policy = {
            name: rest
            for name, _, rest in (part.strip().partition(" ") for part in page.headers["Content-Security-Policy"].split(";"))
        }
        assert page.headers["X-Frame-Options"] == "DENY" and policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == "'self'" and policy["default-src"] == "'none'" and policy["base-uri"] == "'none'"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|javascript:|<style|\sstyle=", page.text)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}{% now 'Y' %}", "'-alert(1)-'"]
)
def test_names_and_descriptions_stay_text_wherever_they_are_shown(visitor: Visitor, text: str) -> None:
    name = f"{text} {uuid.uuid4().hex[:6]}"
    application, made = visitor.onboard(name, text)
    out = visitor.post(f"/admin/applications/{application}/deactivate")
    pages = [made, out, *(visitor.get(path) for path in shown_at(application, name))]
    for page in pages:
        assert page.status_code == 200
        assert html.escape(name) in page.text
        if "<" in name:
            assert name not in page.text


def shown_at(application: str, name: str) -> list[str]:
    """Every page that shows an application's name."""
    return [
        f"/admin/applications?{urlencode({'q': name})}",
        f"/admin/applications/{application}",
        f"/admin/applications/{application}/deactivate",
        f"/admin/applications/{application}/revoke-old",
        f"/admin/metrics?application={application}",
    ]


def test_what_was_searched_for_stays_text(visitor: Visitor) -> None:
    text = f'"><script>alert("{uuid.uuid4().hex}")</script>'
    page = visitor.get(f"/admin/applications?{urlencode({'q': text, 'status': text, 'cursor': ''})}")
    assert text not in page.text and html.escape(text) in page.text
