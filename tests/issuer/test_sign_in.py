"""Administrators sign in: authorization code with PKCE, through the real pages."""

import re

import pytest
from django.test import Client
from joserfc.jws import extract_compact

from apps.issuer import services
from apps.issuer.tokens import half_hash
from foundation.identity import PublishedKeys, Verifier
from foundation.settings import CHOSEN
from tests.issuer.conftest import PASSWORD
from tests.issuer.signing_in import CALLBACK, answered, code_in


def claims(token: str, use: str) -> dict:
    keys = PublishedKeys(CHOSEN.administrators_issuer, fetch=lambda _: services.published_keys("local_administrators"))
    return dict(Verifier(keys, use).claims(token))


def test_a_first_sign_in_asks_for_a_new_password_and_ends_at_the_portal(portal, newcomer):
    first = portal.sign_in(newcomer.email, newcomer.password)
    assert first["Location"].startswith("/login/new-password?")
    back = answered(portal.choose(PASSWORD))
    assert back["state"] == portal.state
    assert portal.exchange(back["code"]).status_code == 200


def test_the_one_time_password_is_worth_nothing_after_that(portal, another_portal, newcomer):
    portal.sign_in(newcomer.email, newcomer.password)
    portal.choose(PASSWORD)
    assert another_portal().sign_in(newcomer.email, newcomer.password).status_code == 400
    assert another_portal().sign_in(newcomer.email, PASSWORD).status_code == 302


def test_the_tokens_say_who_signed_in_and_carry_the_nonce(portal, administrator):
    answer = portal.exchange(portal.code(administrator)).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", CHOSEN.token_lifetime)
    identity, access = claims(answer["id_token"], "id"), claims(answer["access_token"], "access")
    assert identity["aud"] == CHOSEN.administrators_client
    assert identity["nonce"] == portal.nonce
    assert identity["email"] == identity["cognito:username"] == administrator.email
    assert identity["at_hash"] == half_hash(answer["access_token"])
    assert identity["sub"] == access["sub"]
    assert access["username"] == administrator.email
    assert access["scope"] == "openid email"
    assert "aud" not in access


def test_who_is_signed_in_gets_a_code_at_once_and_prompt_login_asks_again(portal, administrator):
    portal.code(administrator)
    assert "code" in answered(portal.authorize())
    assert portal.authorize(prompt="login")["Location"].startswith("/login?")


def test_prompt_none_never_shows_a_page(portal, administrator):
    assert answered(portal.authorize(prompt="none"))["error"] == "login_required"
    portal.code(administrator)
    assert "code" in answered(portal.authorize(prompt="none"))


def test_the_original_portal_s_login_address_works_with_pkce(portal):
    assert portal.browser.get(f"/login?{portal.query()}").status_code == 200


def test_user_info_tells_who_it_is(portal, administrator):
    access = portal.exchange(portal.code(administrator)).json()["access_token"]
    answer = Client().get("/oauth2/userInfo", headers={"authorization": f"Bearer {access}"})
    assert answer.json()["email"] == administrator.email
    assert Client().get("/oauth2/userInfo").status_code == 401


def test_user_info_is_closed_without_the_scope_openid(portal, administrator):
    portal.code(administrator)
    answer = portal.exchange(answered(portal.authorize(scope="email"))["code"]).json()
    assert "id_token" not in answer
    assert Client().get("/oauth2/userInfo", headers={"authorization": f"Bearer {answer['access_token']}"}).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [{"code_verifier": "x" * 43}, {"code_verifier": None}, {"redirect_uri": CALLBACK + "x"}, {"redirect_uri": None}],
)
def test_a_code_is_bound_to_its_verifier_and_address(portal, administrator, changed):
    code = portal.code(administrator)
    assert portal.exchange(code, **changed).status_code == 400


@pytest.mark.parametrize("changed", [{"client_id": "another"}, {"client_secret": "any"}])
def test_a_code_is_bound_to_its_client(portal, administrator, changed):
    assert portal.exchange(portal.code(administrator), **changed).json()["error"] == "invalid_client"


def test_a_code_works_once_and_a_second_use_revokes_the_first(portal, administrator):
    code = portal.code(administrator)
    access = portal.exchange(code).json()["access_token"]
    again = portal.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert Client().get("/oauth2/userInfo", headers={"authorization": f"Bearer {access}"}).status_code == 401


def test_an_unknown_code_is_refused(portal):
    assert portal.exchange("guess").json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid admin"}, "invalid_scope"),
    ],
)
def test_a_wrong_request_of_the_client_goes_back_to_it_with_its_state(portal, changed, error):
    back = answered(portal.authorize(**changed))
    assert (back["error"], back["state"]) == (error, portal.state)


def test_wrong_passwords_unknown_people_and_deactivated_ones_read_the_same(portal, another_portal, administrator):
    def text(answer) -> str:
        assert answer.status_code == 400
        shown = re.sub(r'(name="csrfmiddlewaretoken" )?value="[^"]*"', "", answer.content.decode())
        return re.sub(r"\s+", " ", shown)

    wrong = text(portal.sign_in(administrator.email, "wrong"))
    unknown = text(another_portal().sign_in("nobody@example.org", "wrong"))
    services.set_administrator_active(administrator.email, False)
    deactivated = text(another_portal().sign_in(administrator.email, administrator.password))
    assert wrong == unknown == deactivated
    assert "is not right" in wrong


@pytest.mark.parametrize(
    ("password", "repeated", "said"),
    [
        ("short", "short", "12 to 200 characters"),
        ("seven calm otters", "seven calm herons", "not the same"),
        ("x" * 201, "x" * 201, "12 to 200 characters"),
        ("1q2w3e4r5t6y", "1q2w3e4r5t6y", "most common"),
        ("", "", "twice"),
    ],
)
def test_a_poor_new_password_is_refused_in_words(portal, newcomer, password, repeated, said):
    portal.sign_in(newcomer.email, newcomer.password)
    answer = portal.choose(password, repeated)
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_the_one_time_password_may_not_be_kept(portal, newcomer):
    portal.sign_in(newcomer.email, newcomer.password)
    assert "must differ" in portal.choose(newcomer.password).content.decode()


def test_a_one_time_password_alone_gives_no_code(portal, newcomer):
    portal.sign_in(newcomer.email, newcomer.password)
    assert portal.authorize()["Location"].startswith("/login?")
    assert portal.browser.get(f"/login?{portal.query()}").status_code == 200


def test_the_page_for_a_new_password_is_closed_to_everybody_else(portal, administrator):
    assert portal.browser.get(f"/login/new-password?{portal.query()}")["Location"].startswith("/login?")
    portal.code(administrator)
    assert portal.browser.get(f"/login/new-password?{portal.query()}")["Location"].startswith("/login?")


def test_many_wrong_passwords_bring_a_pause_for_that_address_only(portal, another_portal, administrator):
    statuses = [portal.sign_in(administrator.email, f"guess {n}").status_code for n in range(8)]
    assert statuses[:5] == [400] * 5
    assert statuses[-1] == 429
    refused = portal.sign_in(administrator.email, administrator.password)
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert "Wait" in refused.content.decode()
    assert another_portal().sign_in(administrator.email, administrator.password).status_code == 302


def test_a_right_password_forgives_the_wrong_ones(portal, administrator):
    for _ in range(3):
        for n in range(4):
            assert portal.sign_in(administrator.email, f"guess {n}").status_code == 400
        assert portal.sign_in(administrator.email, administrator.password).status_code == 302
        portal.browser.cookies.clear()


def test_e_mail_addresses_are_the_same_in_any_case(portal, administrator):
    assert portal.sign_in(f" {administrator.email.upper()} ", administrator.password).status_code == 302


def test_a_reset_ends_the_sessions_that_the_old_password_opened(portal, administrator):
    portal.code(administrator)
    services.reset_administrator(administrator.email)
    assert portal.authorize()["Location"].startswith("/login?")


def test_a_deactivated_administrator_gets_no_code_and_no_tokens(portal, administrator):
    code = portal.code(administrator)
    services.set_administrator_active(administrator.email, False)
    assert portal.exchange(code).json()["error"] == "invalid_grant"
    assert portal.authorize()["Location"].startswith("/login?")


def test_signing_out_ends_the_issuer_s_session_and_goes_to_the_portal(portal, administrator):
    portal.code(administrator)
    home = f"{CHOSEN.public_url}/admin/"
    query = {"client_id": CHOSEN.administrators_client, "logout_uri": home, "response_type": "code", "scope": "email openid"}
    assert portal.browser.get("/logout", query)["Location"] == home
    assert portal.authorize()["Location"].startswith("/login?")


def test_signing_out_of_the_portal_by_emptying_the_session_ends_both(portal, administrator):
    code_in(portal.sign_in(administrator.email, administrator.password))
    session = portal.browser.session
    session.flush()
    assert portal.authorize()["Location"].startswith("/login?")


def test_no_token_code_or_password_is_in_the_stored_session(portal, administrator):
    code = portal.code(administrator)
    stored = str(dict(portal.browser.session))
    assert code not in stored and administrator.password not in stored


def test_the_id_token_s_header_names_a_published_key(portal, administrator):
    token = portal.exchange(portal.code(administrator)).json()["id_token"]
    published = Client().get("/local_administrators/.well-known/jwks.json").json()["keys"]
    assert extract_compact(token.encode()).headers()["kid"] in [key["kid"] for key in published]
