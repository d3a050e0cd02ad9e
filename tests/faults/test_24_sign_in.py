"""Fault 24, the issuer's part: CSRF, open redirects, replayed codes, session fixation, clickjacking, stored markup."""

import re

import pytest
from django.test import Client

from foundation.settings import CHOSEN
from tests.issuer.conftest import PASSWORD, administrator  # noqa: F401 (a fixture)
from tests.issuer.signing_in import CALLBACK, Portal

EVIL = "https://evil.example"


@pytest.fixture
def portal() -> Portal:
    return Portal()


def test_24_a_form_of_another_site_is_refused(portal, administrator):  # noqa: F811
    form = {"email": administrator.email, "password": PASSWORD}
    assert portal.browser.post(f"/login?{portal.query()}", form).status_code == 403
    portal.browser.get(f"/login?{portal.query()}")
    forged = {**form, "csrfmiddlewaretoken": "x" * 64}
    assert portal.browser.post(f"/login?{portal.query()}", forged, headers={"origin": EVIL}).status_code == 403


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/login/new-password"])
@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        EVIL,
        f"{EVIL}/admin/oidc/callback/",
        CALLBACK.rstrip("/"),
        CALLBACK + "?next=" + EVIL,
        CALLBACK + "#x",
        CALLBACK.upper(),
        CALLBACK + "../../../evil",
        CALLBACK.replace("//", "//user@"),
        CALLBACK.replace("://", "://evil.example\\@"),
        "javascript:alert(1)",
        "//evil.example",
    ],
)
def test_24_an_unregistered_address_is_never_gone_to(portal, path, address):
    answer = portal.browser.get(f"{path}?{portal.query(redirect_uri=address)}")
    assert answer.status_code == 400
    assert "Location" not in answer


def test_24_an_address_that_is_given_twice_is_never_gone_to(portal):
    answer = portal.browser.get(f"/oauth2/authorize?{portal.query()}&redirect_uri={EVIL}")
    assert (answer.status_code, "Location" in answer) == (400, False)


def test_24_an_unknown_client_is_never_gone_back_to(portal):
    assert portal.authorize(client_id="another").status_code == 400


@pytest.mark.parametrize("address", ["", EVIL, f"{CHOSEN.public_url}/admin", f"{CHOSEN.public_url}/admin/@evil.example"])
def test_24_signing_out_goes_to_registered_addresses_only(portal, address):
    answer = portal.browser.get("/logout", {"client_id": CHOSEN.administrators_client, "logout_uri": address})
    assert (answer.status_code, "Location" in answer) == (400, False)


def test_24_a_session_key_that_was_known_before_is_worth_nothing_afterwards(portal, administrator):  # noqa: F811
    victim, attacker = portal, Portal()
    session = attacker.browser.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    for browser in (attacker.browser, victim.browser):
        browser.cookies["foundation_session"] = planted
    assert victim.sign_in(administrator.email, administrator.password).status_code == 302
    assert victim.browser.cookies["foundation_session"].value != planted
    assert attacker.authorize()["Location"].startswith("/login?")


def test_24_no_page_can_be_framed_or_run_a_script(portal):
    for answer in (portal.browser.get(f"/login?{portal.query()}"), portal.authorize(client_id="another")):
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        assert "unsafe" not in policy and "script-src" not in policy
        assert answer["X-Frame-Options"] == "DENY"
        text = answer.content.decode()
        assert "<script" not in text and " style=" not in text and " onclick=" not in text


def test_24_markup_in_what_people_type_stays_text(portal):
    answer = portal.sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script" not in answer.content.decode()
    assert "&lt;script&gt;" in answer.content.decode()


def test_24_line_breaks_in_the_state_make_no_headers(portal):
    portal.state = "a\r\nSet-Cookie: x=y"
    answer = portal.authorize(response_type="token")
    assert answer.status_code == 302 and "\r" not in answer["Location"] and "x" not in answer.cookies


def test_24_a_foreign_state_and_nonce_come_back_as_they_went_out(portal, administrator):  # noqa: F811
    portal.state = "<&>'\" ü %00"
    answer = portal.sign_in(administrator.email, administrator.password)
    from urllib.parse import parse_qs, urlsplit

    assert parse_qs(urlsplit(answer["Location"]).query)["state"] == [portal.state]


def test_24_passwords_and_tokens_are_in_no_log(portal, administrator, caplog, capfd):  # noqa: F811
    with caplog.at_level("DEBUG"):
        portal.sign_in(administrator.email, "canary-wrong-password")
        code = portal.code(administrator)
        answer = portal.exchange(code).json()
        portal.exchange(code)
        Client().get("/oauth2/userInfo", headers={"authorization": f"Bearer {answer['access_token']}"})
    written = caplog.text + "".join(capfd.readouterr())
    for secret in ("canary-wrong-password", administrator.password, code, answer["access_token"], answer["id_token"]):
        assert secret not in written
    assert not re.search(r"eyJ[A-Za-z0-9_-]{20,}", written)
