"""Signing in to the portal of a deployment, at an independent OpenID provider in the place of the administrators' pool."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey

from tests.conftest import free_port
from tests.forging import raw
from tests.portal.visitor import CookieClient
from tests.running import session
from tests.running import token as bearer
from tests.servers.cognito_front import private_key
from tests.servers.deployment import Deployment
from tests.servers.dynamodb import Dynamo
from tests.servers.moto import Moto
from tests.servers.pool_domain import EMAIL, Forge, PoolDomain, pool_domain

PAGE = "/admin/applications"
STRANGER = RSAKey.generate_key(2048)


@pytest.fixture(scope="module")
def portal_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def domain(portal_port: int) -> Iterator[PoolDomain]:
    """The administrators' pool."""
    with pool_domain(free_port(), f"http://127.0.0.1:{portal_port}") as running:
        yield running


@pytest.fixture(scope="module")
def portal(deployment: Deployment, portal_port: int, domain: PoolDomain) -> Iterator[str]:
    """The URL of the portal."""
    url = f"http://127.0.0.1:{portal_port}"
    told = {
        "PUBLIC_URL": url,
        "ADMINISTRATORS_DOMAIN": domain.url,
        "ADMINISTRATORS_ISSUER": domain.url,
        "ADMINISTRATORS_CLIENT": domain.client,
    }
    with deployment.serving("portal", portal_port, **told) as running:
        yield running


@pytest.fixture
def forge(domain: PoolDomain) -> Iterator[Callable[[Forge], None]]:
    """Has the provider answer another ID token in this test."""

    def set_forge(made: Forge) -> None:
        domain.forge = made

    yield set_forge
    domain.forge = None


def at_the_provider(portal: str, browser: requests.Session, page: str = PAGE) -> requests.Response:
    """The page of the provider that a visitor is led to."""
    return browser.get(portal + page, headers={"Accept": "text/html"}, timeout=60)


def signed_in(portal: str, browser: requests.Session, page: str = PAGE) -> requests.Response:
    """Where a person comes to who signs in there."""
    return browser.post(at_the_provider(portal, browser, page).url, {"sub": "administrator"}, timeout=60)


def test_a_page_leads_to_the_pools_domain_and_back_to_itself(portal: str, domain: PoolDomain) -> None:
    browser = session()
    asked = urlsplit(at_the_provider(portal, browser, f"{PAGE}?status=active").url)
    query = {name: value for name, (value,) in parse_qs(asked.query).items()}
    assert f"{asked.scheme}://{asked.netloc}{asked.path}" == f"{domain.url}/oauth2/authorize"
    assert (query["client_id"], query["scope"], query["code_challenge_method"]) == (domain.client, "openid email", "S256")
    assert query["redirect_uri"] == f"{portal}/admin/oidc/callback/"
    there = signed_in(portal, browser, f"{PAGE}?status=active")
    assert there.url == f"{portal}{PAGE}?status=active"
    assert EMAIL in there.text


def test_who_is_signed_in_is_a_record_that_every_process_shares(portal: str, deployment: Deployment, dynamo: Dynamo) -> None:
    browser = session()
    signed_in(portal, browser)
    key = browser.cookies["foundation_session"]
    found = dynamo.client.scan(TableName=f"{deployment.told['DEPLOYMENT']}-sessions")["Items"]
    assert key in str(found)


def test_signing_out_ends_the_session_and_goes_by_the_pools_own_page_for_it(portal: str, domain: PoolDomain) -> None:
    browser = session()
    page = signed_in(portal, browser)
    kept = dict(browser.cookies)
    token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = {"csrfmiddlewaretoken": token}
    left = browser.post(f"{portal}/admin/sign-out", form, headers={"Referer": page.url}, timeout=60)
    urls = [each.headers["Location"] for each in left.history]
    query = {name: value for name, (value,) in parse_qs(urlsplit(urls[0]).query).items()}
    assert urls[0].startswith(f"{domain.url}/logout?")
    assert query == {"client_id": domain.client, "logout_uri": f"{portal}/admin/"}
    assert urls[1] == f"{portal}/admin/"
    assert left.url.startswith(f"{domain.url}/oauth2/authorize?")
    thief = session()
    thief.cookies.update(kept)
    assert at_the_provider(portal, thief).url.startswith(domain.url)


FORGERIES: dict[str, Callable[[PoolDomain], Forge]] = {
    "expired": lambda domain: lambda claims: domain.signed({**claims, "exp": int(time.time()) - 3600}),
    "without an end": lambda domain: lambda claims: domain.signed({**claims, "exp": None}),
    "of another pool": lambda domain: lambda claims: domain.signed({**claims, "iss": f"{domain.url}/another"}),
    "for another client": lambda domain: lambda claims: domain.signed({**claims, "aud": "another"}),
    "for several": lambda domain: lambda claims: domain.signed({**claims, "aud": [domain.client, "another"]}),
    "of another sign-in": lambda domain: lambda claims: domain.signed({**claims, "nonce": "another"}),
    "without a nonce": lambda domain: lambda claims: domain.signed({**claims, "nonce": None}),
    "of nobody": lambda domain: lambda claims: domain.signed({**claims, "sub": None}),
    "an access token": lambda domain: lambda claims: domain.signed({**claims, "token_use": "access"}),
    "signed by a stranger": lambda domain: lambda claims: domain.signed(claims, STRANGER),
    "signed by the pool of applications": lambda domain: lambda claims: domain.signed(claims, private_key()),
    "unsigned": lambda domain: lambda claims: raw({"alg": "none", "kid": domain.key.kid}, claims),
    "no token": lambda domain: lambda claims: "x.y.z",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_no_other_id_token_signs_anybody_in(portal: str, domain: PoolDomain, forge: Any, name: str) -> None:
    browser = session()
    forge(FORGERIES[name](domain))
    refused = signed_in(portal, browser)
    assert (refused.status_code, urlsplit(refused.url).path) == (400, "/admin/oidc/callback/")
    assert at_the_provider(portal, browser).url.startswith(domain.url)


def test_a_pool_that_signs_with_a_new_key_signs_people_in_at_once(portal: str, domain: PoolDomain, forge: Any) -> None:
    old = domain.key
    domain.rotate()
    assert signed_in(portal, session()).url == f"{portal}{PAGE}"
    forge(lambda claims: raw({"alg": "RS256", "kid": old.kid}, claims, old))
    assert signed_in(portal, session()).status_code == 400


def test_a_person_who_says_no_and_a_pool_that_gives_no_tokens_leave_a_page_that_says_so(
    portal: str, domain: PoolDomain
) -> None:
    browser = session()
    refused = browser.post(at_the_provider(portal, browser).url, {"action": "deny"}, timeout=60)
    assert (refused.status_code, "access_denied" in refused.url) == (400, True)
    domain.away = True
    try:
        assert signed_in(portal, session()).status_code == 502
    finally:
        domain.away = False


def test_a_code_is_of_no_use_to_who_did_not_begin_the_sign_in(portal: str) -> None:
    browser = session()
    onward = browser.post(at_the_provider(portal, browser).url, {"sub": "administrator"}, timeout=60, allow_redirects=False)
    assert session().get(onward.headers["Location"], timeout=60).status_code == 400


def test_the_cookie_of_the_contract_takes_access_tokens_of_this_pool_and_client_alone(
    portal: str, domain: PoolDomain, deployment: Deployment
) -> None:
    good = domain.signed(domain.access_claims())
    assert CookieClient(portal, good).get("/admin/auth/status").status_code == 200
    others = [
        domain.signed(domain.access_claims(token_use="id", aud=domain.client)),
        domain.signed({**domain.access_claims(), "client_id": "another"}),
        domain.signed({**domain.access_claims(), "iss": deployment.told["APPLICATIONS_ISSUER"]}),
        domain.signed(domain.access_claims(), private_key()),
        domain.signed({**domain.access_claims(), "exp": int(time.time()) - 3600}),
    ]
    assert [CookieClient(portal, other).get("/admin/auth/status").status_code for other in others] == [401] * 5


def test_an_application_that_an_administrator_takes_in_gets_tokens_of_its_pool(
    portal: str, deployment: Deployment, moto: Moto
) -> None:
    browser = session()
    form = signed_in(portal, browser, "/admin/applications/new")
    token = form.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    asked = {"csrfmiddlewaretoken": token, "name": "By the portal", "description": "A test."}
    shown = browser.post(form.url, asked, headers={"Referer": form.url}, timeout=60)
    (made,) = [each for each in json.loads(deployment.manage("apps", "list", "--json")) if each["name"] == "By the portal"]
    manager: Any = moto.client("secretsmanager")
    name = f"{deployment.told['DEPLOYMENT']}/{made['client_id']}_client_secret"
    secret = manager.get_secret_value(SecretId=name)["SecretString"]
    assert all(text in shown.text for text in (secret, made["client_id"], made["token_url"], made["api_url"]))
    assert bearer({**made, "client_secret": secret})
