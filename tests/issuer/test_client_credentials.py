"""Access tokens for applications, as every shipped client fetches them."""

import base64

import pytest
from django.test import Client

from foundation.adapters import directory
from foundation.settings import CHOSEN
from tests.forging import ask_for_token, good_token, new_client

FORM = "application/x-www-form-urlencoded"


def decoded(token: str) -> tuple[dict, dict]:
    from joserfc.jws import extract_compact

    found = extract_compact(token.encode())
    import json

    return found.headers(), json.loads(found.payload)


def test_the_sdk_s_request_gets_exactly_what_it_reads():
    credentials = new_client()
    answer = ask_for_token(credentials, client_id=credentials.client, scope="genaifoundations/read")
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "expires_in", "token_type"}
    assert (body["expires_in"], body["token_type"]) == (CHOSEN.token_lifetime, "Bearer")
    assert "no-store" in answer["Cache-Control"]


def test_the_claims_are_cognito_s():
    credentials = new_client()
    header, claims = decoded(good_token(credentials))
    assert header["alg"] == "RS256" and header["kid"]
    assert claims.keys() == {
        "sub", "client_id", "token_use", "scope", "auth_time", "iss", "exp", "iat", "version", "jti",
    }  # fmt: skip
    assert claims["sub"] == claims["client_id"] == credentials.client
    assert (claims["token_use"], claims["scope"], claims["version"]) == ("access", "genaifoundations/read", 2)
    assert claims["iss"] == CHOSEN.applications_issuer
    assert claims["exp"] - claims["iat"] == CHOSEN.token_lifetime


def test_a_missing_scope_is_the_one_there_is():
    _, claims = decoded(ask_for_token(new_client()).json()["access_token"])
    assert claims["scope"] == "genaifoundations/read"


def test_the_secret_may_be_in_the_body():
    made = new_client()
    assert ask_for_token(client_id=made.client, client_secret=made.secret).status_code == 200


def test_id_and_secret_in_the_header_are_form_urlencoded():
    made = new_client()
    encoded = "".join(f"%{ord(letter):02X}" for letter in made.secret)
    shown = base64.b64encode(f"{made.client}:{encoded}".encode()).decode()
    answer = Client().post(
        "/oauth2/token", "grant_type=client_credentials", content_type=FORM, headers={"authorization": f"Basic {shown}"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "genaifoundations/readwrite"}, "invalid_scope"),
        ({"scope": "genaifoundations/read admin"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_id": "another"}, "invalid_request"),
        ({"client_secret": "both"}, "invalid_request"),
        ({"scope": "x" * 3000}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_refused_in_the_protocol_s_words(fields, error):
    answer = ask_for_token(new_client(), **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_a_field_that_is_given_twice_is_refused():
    answer = Client().post("/oauth2/token", "grant_type=client_credentials&scope=a&scope=b", content_type=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("authorization", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Bearer x"])
def test_a_header_that_is_not_basic_is_refused(authorization):
    answer = Client().post(
        "/oauth2/token", "grant_type=client_credentials", content_type=FORM, headers={"authorization": authorization}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{}", "application/json", 400),
        ("grant_type=client_credentials", "text/plain", 400),
        ("grant_type=client_credentials", f"{FORM}; charset=utf-16", 400),
        ("a=1&" * 4000, FORM, 400),
        ("x" * 30_000, FORM, 413),
        (b"\xff\xfe\x00=\x00", FORM, 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(body, content_type, status):
    answer = Client().generic("POST", "/oauth2/token", body, content_type=content_type)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


def test_only_post_is_answered():
    assert Client().get("/oauth2/token").status_code == 405


def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer():
    made = new_client()
    wrong = ask_for_token(client_id=made.client, client_secret="wrong")
    unknown = ask_for_token(client_id="nobody", client_secret="wrong")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.content == unknown.content
    assert wrong.json()["error"] == "invalid_client"


def test_a_deactivated_client_is_refused():
    made = new_client()
    directory.set_active(made.client, False)
    assert ask_for_token(made).json()["error"] == "invalid_client"


def test_many_wrong_secrets_are_told_to_slow_down_and_a_good_one_still_gets_in():
    made, browser = new_client(), Client(REMOTE_ADDR="203.0.113.77")
    statuses = {ask_for_token(client=browser, client_id=made.client, client_secret=f"guess{n}").status_code for n in range(20)}
    assert statuses == {400}
    refused = ask_for_token(client=browser, client_id=made.client, client_secret="guess")
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert ask_for_token(made, client=browser).status_code == 200
    assert ask_for_token(made, client=Client(REMOTE_ADDR="203.0.113.78")).status_code == 200


def test_control_characters_in_a_client_id_are_an_unknown_client():
    assert ask_for_token(client_id="%00%1f", client_secret="x").json()["error"] == "invalid_client"


def test_the_token_endpoint_opens_no_session():
    assert not ask_for_token(new_client()).cookies
