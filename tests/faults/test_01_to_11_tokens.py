"""Faults 1 to 11: forged, foreign and stale tokens."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest
from joserfc.jwk import RSAKey

from apps.issuer import keys, services
from foundation.adapters import secrets
from foundation.ambient import now
from foundation.errors import Unauthenticated, Unavailable
from foundation.identity import PublishedKeys, Verifier
from foundation.settings import CHOSEN
from tests.forging import claims_of, good_token, part, raw, signed_by_issuer, signed_by_stranger

FORGED = (401, {"detail": "Invalid token", "code": "unauthenticated"})


def kid() -> str:
    return services.key_ring("local_applications").signing(now()).kid


def test_00_a_good_token_is_let_in(ask, credentials):
    status, body = ask(good_token(credentials))
    assert (status, body["client"]) == (200, credentials.client)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_01_a_token_without_a_signature_is_refused(ask, credentials, name):
    assert ask(raw({"alg": name, "kid": kid()}, claims_of(credentials))) == FORGED


def test_01_a_token_whose_signature_was_cut_off_is_refused(ask, credentials):
    head, body, _ = good_token(credentials).split(".")
    assert ask(f"{head}.{body}.") == FORGED


def test_02_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(ask, credentials):
    import hashlib
    import hmac

    public = services.key_ring("local_applications").signing(now()).rsa
    for secret in (public.as_pem(private=False), json.dumps(public.as_dict(private=False)).encode()):
        body = raw({"alg": "HS256", "kid": kid()}, claims_of(credentials)).rpartition(".")[0]
        signature = part(hmac.new(secret, body.encode(), hashlib.sha256).digest())
        assert ask(f"{body}.{signature}") == FORGED


@pytest.mark.parametrize("where", ["jwk", "jku", "x5u", "x5c"])
def test_03_a_key_that_the_token_brings_along_is_refused_and_nothing_is_fetched(ask, credentials, issuer, where):
    stranger = RSAKey.generate_key(2048)
    brought = {
        "jwk": stranger.as_dict(private=False),
        "jku": f"{CHOSEN.public_url}/smuggled",
        "x5u": f"{CHOSEN.public_url}/smuggled",
        "x5c": ["MIIB"],
    }
    for key_id in (kid(), "smuggled"):
        header = {"kid": key_id, where: brought[where]}
        assert ask(signed_by_stranger(claims_of(credentials), stranger, **header)) == FORGED
    assert not [path for path in issuer if "smuggled" in path]


def test_04_a_flood_of_unknown_keys_costs_one_fetch_a_minute(credentials):
    fetched, clock = [], [0.0]

    def fetch(url: str) -> object:
        fetched.append(url)
        return services.published_keys("local_applications")

    verifier = Verifier(PublishedKeys(CHOSEN.applications_issuer, fetch=fetch, clock=lambda: clock[0]), "access")
    verifier.claims(good_token(credentials))
    assert len(fetched) == 1
    for second in range(600):
        clock[0] = float(second)
        with pytest.raises(Unauthenticated):
            verifier.claims(signed_by_stranger(claims_of(credentials), STRANGER, kid=f"unknown {second}"))
    assert len(fetched) == 10


STRANGER = RSAKey.generate_key(2048)


def test_05_known_keys_go_on_working_while_the_issuer_is_down(credentials):
    down = [False]

    def fetch(url: str) -> object:
        if down[0]:
            raise OSError("refused")
        return services.published_keys("local_applications")

    verifier = Verifier(
        PublishedKeys(CHOSEN.applications_issuer, fetch=fetch, clock=iter(range(0, 10**6, 100)).__next__), "access"
    )
    verifier.claims(good_token(credentials))
    down[0] = True
    verifier.claims(good_token(credentials))
    with pytest.raises(Unavailable) as refused:
        verifier.claims(signed_by_stranger(claims_of(credentials), STRANGER, kid="a new key"))
    assert refused.value.status == 503 and refused.value.retry_after
    verifier.claims(good_token(credentials))


def test_05_known_keys_are_not_held_up_while_the_issuer_hangs(credentials):
    import threading

    hanging, release = threading.Event(), threading.Event()
    first = [True]

    def fetch(url: str) -> object:
        if not first[0]:
            hanging.set()
            release.wait(30)
        first[0] = False
        return services.published_keys("local_applications")

    verifier = Verifier(
        PublishedKeys(CHOSEN.applications_issuer, fetch=fetch, clock=iter(range(0, 10**6, 100)).__next__), "access"
    )
    verifier.claims(good_token(credentials))
    unknown = signed_by_stranger(claims_of(credentials), STRANGER, kid="a new key")

    def ask_with_an_unknown_key() -> None:
        with pytest.raises(Unauthenticated):
            verifier.claims(unknown)

    flood = threading.Thread(target=ask_with_an_unknown_key)
    flood.start()
    assert hanging.wait(10)
    done: list[object] = []
    good = threading.Thread(target=lambda: done.append(verifier.claims(good_token(credentials))))
    good.start()
    good.join(10)
    held_up = not done
    release.set()
    flood.join()
    good.join()
    assert not held_up


@pytest.mark.parametrize("nonsense", [[], None, "text", {"keys": None}, {"keys": [1]}, {"keys": [{}]}, {"other": 1}])
def test_05_nonsense_in_place_of_keys_is_an_issuer_that_is_down(credentials, nonsense):
    verifier = Verifier(PublishedKeys(CHOSEN.applications_issuer, fetch=lambda _: nonsense), "access")
    with pytest.raises(Unavailable):
        verifier.claims(good_token(credentials))


def test_05_an_answer_that_is_no_http_is_an_issuer_that_is_down(credentials):
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(b"not http at all\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        verifier = Verifier(PublishedKeys(f"http://127.0.0.1:{server.getsockname()[1]}"), "access")
        with pytest.raises(Unavailable):
            verifier.claims(good_token(credentials))
        thread.join()


@pytest.fixture
def keys_of_before() -> Iterator[None]:
    """Puts the keys back that the pool had before the test."""
    name = "issuer_local_applications_keys"
    before = keys.encoded(services.key_ring("local_applications"))
    yield
    secrets.put(name, before)


def test_05_a_new_key_works_as_soon_as_it_signs(credentials, keys_of_before):
    fetched = []

    def fetch(url: str) -> object:
        fetched.append(url)
        return services.published_keys("local_applications")

    known = PublishedKeys(CHOSEN.applications_issuer, fetch=fetch, clock=iter(range(0, 10**6, 100)).__next__)
    old = good_token(credentials)
    Verifier(known, "access").claims(old)
    moment = now()
    ring = services.key_ring("local_applications").rotated(keys.new_key(str(uuid.uuid4()), moment), moment)
    secrets.put("issuer_local_applications_keys", keys.encoded(ring))
    new = good_token(credentials)
    assert new.partition(".")[0] != old.partition(".")[0]
    Verifier(known, "access").claims(new)
    Verifier(known, "access").claims(old)
    assert len(fetched) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": "4102444800"},
        {"exp": True},
        {"exp": [4102444800]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": 4102444800},
        {"iat": 4102444800},
        {"nbf": "0"},
        {"iat": None, "nbf": {}},
    ],
)
def test_06_a_token_outside_its_time_is_refused(ask, credentials, changed):
    status, body = ask(signed_by_issuer(claims_of(credentials, **changed)))
    assert (status, body["code"]) == (401, "unauthenticated")


def test_06_a_token_is_good_within_a_minute_of_skew_and_not_longer(credentials):
    wall = [time.time()]
    fetch = services.published_keys
    verifier = Verifier(
        PublishedKeys(CHOSEN.applications_issuer, fetch=lambda _: fetch("local_applications")), "access", lambda: wall[0]
    )
    token = signed_by_issuer(claims_of(credentials))
    verifier.claims(token)
    wall[0] += 3600 + 50
    verifier.claims(token)
    wall[0] += 20
    with pytest.raises(Unauthenticated):
        verifier.claims(token)


def test_07_a_token_of_the_administrators_pool_is_refused(ask, credentials):
    assert ask(signed_by_issuer(claims_of(credentials, iss=CHOSEN.administrators_issuer), "local_administrators")) == FORGED
    assert ask(signed_by_issuer(claims_of(credentials), "local_administrators")) == FORGED


@pytest.mark.parametrize(
    "issuer_name", ["https://evil.example", CHOSEN.applications_issuer + "/", None, 1, [CHOSEN.applications_issuer]]
)
def test_07_a_token_that_names_another_issuer_is_refused(ask, credentials, issuer_name):
    assert ask(signed_by_issuer(claims_of(credentials, iss=issuer_name))) == FORGED


@pytest.mark.parametrize("use", ["id", "ACCESS", None, ["access"]])
def test_08_an_id_token_is_refused(ask, credentials, use):
    assert ask(signed_by_issuer(claims_of(credentials, token_use=use))) == FORGED


@pytest.mark.parametrize(
    "scope",
    [
        "genaifoundations/readwrite",
        "xgenaifoundations/read",
        "genaifoundations/read/",
        "genaifoundations/Read",
        "genaifoundations/read\u00a0",
        "",
        None,
        ["genaifoundations/read"],
    ],
)
def test_09_a_scope_that_merely_contains_the_right_one_is_forbidden(ask, credentials, scope):
    status, body = ask(signed_by_issuer(claims_of(credentials, scope=scope)))
    assert (status, body["code"]) == (403, "forbidden")


def test_09_the_scope_among_others_is_enough(ask, credentials):
    assert ask(signed_by_issuer(claims_of(credentials, scope="openid genaifoundations/read")))[0] == 200


def test_10_a_forged_token_that_reached_the_service_is_refused(ask, credentials):
    assert ask(signed_by_stranger(claims_of(credentials))) == FORGED
    head, _, signature = good_token(credentials).split(".")
    other = part(json.dumps(claims_of(credentials, client_id="another")).encode())
    assert ask(f"{head}.{other}.{signature}") == FORGED


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "..",
        "ü.ü.ü",
        part(b"[]") + ".e30.x",
        part(b"null") + ".e30.x",
        part(b"1") + ".e30.x",
        part(b'"text"') + ".e30.x",
        part(b"[" * 5000) + ".e30.x",
        part(b'{"alg":"RS256","kid":' + b"[" * 5000) + ".e30.x",
        part(b'{"alg":"RS256","kid":["a"]}') + ".e30.x",
        part(b'{"alg":["RS256"],"kid":"a"}') + ".e30.x",
        part(b'{"alg":"RS256","kid":"a","b64":false,"crit":["b64"]}') + ".e30.x",
        part(b"\xff\xfe") + ".e30.x",
    ],
)
def test_10_what_is_no_token_is_refused(ask, token):
    status, body = ask(token)
    assert (status, body["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("client", [None, "", 7, ["a"], "unknown", "a\x00b"])
def test_10_a_token_without_a_known_client_is_refused(ask, credentials, client):
    status, _ = ask(signed_by_issuer(claims_of(credentials, client_id=client)))
    assert status == 401


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b"not json", b"[" * 5000])
def test_10_a_signed_payload_that_is_no_set_of_claims_is_refused(ask, payload):
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = services.key_ring("local_applications").signing(now())
    body = part(json.dumps({"alg": "RS256", "kid": key.kid}).encode()) + "." + part(payload)
    signature = part(key.rsa.private_key.sign(body.encode(), PKCS1v15(), SHA256()))
    assert ask(f"{body}.{signature}") == FORGED


def test_11_what_a_proxy_says_of_the_caller_is_ignored(ask, credentials):
    headers = {
        "X-Client-Id": "another",
        "X-Forwarded-User": "another",
        "X-Forwarded-For": "127.0.0.1",
        "X-Amzn-Oidc-Identity": "another",
        "X-Amzn-Oidc-Data": good_token(credentials),
        "X-Amzn-Oidc-Accesstoken": good_token(credentials),
        "X-Forwarded-Authorization": f"Bearer {good_token(credentials)}",
    }
    assert ask(None, **headers)[0] == 401
    assert ask(good_token(credentials), **headers)[1]["client"] == credentials.client


def test_11_a_forged_address_of_the_browser_gives_no_new_tries(issuer):
    from apps.issuer.throttle import PERSON_FROM_ADDRESS
    from tests.issuer.signing_in import Portal

    portal = Portal()
    statuses = []
    for n in range(PERSON_FROM_ADDRESS.free + 3):
        portal.browser.defaults["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{n}"
        statuses.append(portal.sign_in("forged-address@example.org", "guess").status_code)
    assert statuses[-1] == 429
