"""Tokens of Cognito's shape at a service of a deployment: good ones are let in, and no other (faults 1 to 11)."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from joserfc.jwk import RSAKey

from foundation.errors import Unauthenticated
from foundation.identity import PublishedKeys, Verifier
from tests.forging import part, raw
from tests.servers.cognito_front import access_claims, private_key, signed
from tests.servers.deployment import Deployment

Ask = Callable[[str], tuple[int, str]]
KEY = private_key()
STRANGER = RSAKey.generate_key(2048)


@pytest.fixture(scope="module")
def client(deployment: Deployment) -> str:
    """The client of an application."""
    return str(deployment.onboard("Tokens")["client_id"])


@pytest.fixture
def claims(deployment: Deployment, client: str) -> Callable[..., dict[str, Any]]:
    """The claims of a good token of the application, with some changed or left out."""

    def made(**changed: Any) -> dict[str, Any]:
        good = access_claims(deployment.told["APPLICATIONS_ISSUER"], client, "genaifoundations/read")
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    return made


@pytest.fixture
def ask(prompts: str) -> Ask:
    """Status and code of a service's answer to a token."""

    def asked(token: str) -> tuple[int, str]:
        answer = requests.get(f"{prompts}/prompt/template/list", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        return answer.status_code, "" if answer.status_code == 200 else answer.json().get("code", "")

    return asked


FORGED = (401, "unauthenticated")


def test_a_good_token_is_let_in_and_has_no_audience(ask: Ask, claims: Any) -> None:
    assert "aud" not in claims()
    assert ask(signed(claims())) == (200, "")


@pytest.mark.parametrize("name", ["none", "None", "nOnE", "", "HS256", "RS512", "PS256"])
def test_01_another_algorithm_is_refused(ask: Ask, claims: Any, name: str) -> None:
    assert ask(raw({"alg": name, "kid": KEY.kid}, claims())) == FORGED
    assert ask(raw({"alg": name, "kid": KEY.kid}, claims(), KEY)) == FORGED


def test_02_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(ask: Ask, claims: Any) -> None:
    body = raw({"alg": "HS256", "kid": KEY.kid}, claims()).rpartition(".")[0]
    public = KEY.as_pem(private=False)
    assert ask(f"{body}.{part(hmac.new(public, body.encode(), hashlib.sha256).digest())}") == FORGED


@pytest.mark.parametrize("where", ["jwk", "jku", "x5u", "x5c"])
def test_03_a_key_that_the_token_brings_along_is_refused(ask: Ask, claims: Any, where: str) -> None:
    brought = {"jwk": STRANGER.as_dict(private=False), "x5c": ["MIIB"]}.get(where, "http://127.0.0.1:1/keys")
    for kid in (KEY.kid, "smuggled"):
        assert ask(raw({"alg": "RS256", "kid": kid, where: brought}, claims(), STRANGER)) == FORGED


@pytest.mark.parametrize("changed", [{"exp": 1}, {"exp": None}, {"exp": "4102444800"}, {"iat": 9_999_999_999}, {"nbf": 9**10}])
def test_06_a_token_outside_its_time_is_refused(ask: Ask, claims: Any, changed: Mapping[str, Any]) -> None:
    status, code = ask(signed(claims(**changed)))
    assert (status, code) == FORGED


@pytest.mark.parametrize(
    "issuer",
    [
        "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_another",
        "https://cognito-idp.us-west-2.amazonaws.com",
        "https://evil.example",
        None,
        ["list"],
    ],
)
def test_07_a_token_of_another_pool_is_refused_though_one_key_signed_it(ask: Ask, claims: Any, issuer: object) -> None:
    assert ask(signed(claims(iss=issuer))) == FORGED


@pytest.mark.parametrize("use", ["id", "refresh", "ACCESS", None, ["access"]])
def test_08_an_id_token_is_refused(ask: Ask, claims: Any, client: str, use: object) -> None:
    assert ask(signed(claims(token_use=use, aud=client))) == FORGED


@pytest.mark.parametrize(
    "scope", ["genaifoundations/readwrite", "xgenaifoundations/read", "aws.cognito.signin.user.admin", None]
)
def test_09_another_scope_is_forbidden(ask: Ask, claims: Any, scope: object) -> None:
    assert ask(signed(claims(scope=scope))) == (403, "forbidden")


def test_10_a_strangers_or_an_altered_token_is_refused(ask: Ask, claims: Any) -> None:
    assert ask(raw({"alg": "RS256", "kid": KEY.kid}, claims(), STRANGER)) == FORGED
    head, _, signature = signed(claims()).split(".")
    assert ask(f"{head}.{part(json.dumps(claims(client_id='another')).encode())}.{signature}") == FORGED


@pytest.mark.parametrize("client_id", [None, "", 7, ["a"], "unknown", "a\x00b", "x" * 3000])
def test_10_a_token_of_a_client_that_is_no_application_is_refused(ask: Ask, claims: Any, client_id: object) -> None:
    assert ask(signed(claims(client_id=client_id)))[0] == 401


@pytest.mark.parametrize("kid", ["", "unknown", None, 7])
def test_10_a_key_that_the_pool_does_not_publish_is_refused(ask: Ask, claims: Any, kid: object) -> None:
    assert ask(raw({"alg": "RS256", "kid": kid}, claims(), KEY)) == FORGED


def test_11_what_a_gateway_says_of_the_caller_is_ignored(prompts: str) -> None:
    said = {"X-Client-Id": "x", "X-Amzn-Oidc-Data": "x.y.z", "X-Amzn-Oidc-Identity": "x", "X-Amz-Cognito-Claims": "{}"}
    assert requests.get(f"{prompts}/prompt/template/list", headers=said, timeout=30).status_code == 401


def test_a_pool_that_begins_to_sign_with_its_second_key_needs_no_new_fetch_and_with_a_new_one_a_single_one(claims: Any) -> None:
    pair = [RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}) for kid in ("first", "second", "third")]
    published, fetched, clock = pair[:2], list[str](), [0.0]

    def fetch(url: str) -> object:
        fetched.append(url)
        return {"keys": [key.as_dict(private=False) for key in published]}

    issuer = claims()["iss"]
    verifier = Verifier(PublishedKeys(issuer, fetch=fetch, clock=lambda: clock[0]), "access")
    for key in pair[:2]:
        verifier.claims(raw({"alg": "RS256", "kid": key.kid}, claims(), key))
    assert fetched == [f"{issuer}/.well-known/jwks.json"]
    published[:] = pair[1:]
    clock[0] = time.monotonic() + 61
    verifier.claims(raw({"alg": "RS256", "kid": "third"}, claims(), pair[2]))
    with pytest.raises(Unauthenticated):
        verifier.claims(raw({"alg": "RS256", "kid": "first"}, claims(), pair[0]))
    assert len(fetched) == 2
