"""Signing keys: published, shared by processes, and replaced without a refused token."""

import threading
from datetime import timedelta

from django.test import Client

from apps.issuer import keys, services
from foundation.ambient import now
from foundation.settings import CHOSEN

KEY = keys.new_key("first", now())


def later(kid: str, delay: timedelta) -> keys.SigningKey:
    return keys.SigningKey(kid, KEY.since + delay, KEY.private)


def kids(found) -> list[str]:
    return [key.kid for key in found]


def test_a_new_key_is_published_at_once_and_signs_after_its_lead():
    ring = keys.KeyRing((KEY,)).rotated(later("second", keys.LEAD), KEY.since)
    assert kids(ring.published(KEY.since)) == ["first", "second"]
    assert ring.signing(KEY.since + keys.LEAD / 2).kid == "first"
    assert ring.signing(KEY.since + keys.LEAD).kid == "second"


def test_the_lead_is_longer_than_a_verifier_waits_between_fetches():
    from foundation.identity import REFETCH

    assert keys.LEAD.total_seconds() > REFETCH


def test_an_old_key_stays_published_for_the_longest_token_and_then_leaves():
    ring = keys.KeyRing((KEY,)).rotated(later("second", keys.LEAD), KEY.since)
    signing = KEY.since + keys.LEAD
    assert kids(ring.published(signing + timedelta(hours=24, seconds=60))) == ["first", "second"]
    assert kids(ring.published(signing + timedelta(hours=26))) == ["second"]
    third = ring.rotated(later("third", timedelta(hours=27)), signing + timedelta(hours=26))
    assert kids(third.keys) == ["second", "third"]


def test_published_keys_have_no_private_part():
    for pool in services.POOLS:
        answer = Client().get(f"/{pool}/.well-known/jwks.json")
        assert answer.status_code == 200
        for key in answer.json()["keys"]:
            assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
            assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


def test_the_two_pools_have_different_keys():
    one, other = (kids(services.key_ring(pool).keys) for pool in services.POOLS)
    assert not set(one) & set(other)


def test_a_rotation_is_published_to_everybody_at_once():
    made = services.rotate_keys("local_administrators")
    answer = Client().get("/local_administrators/.well-known/jwks.json").json()
    assert made.kid in [key["kid"] for key in answer["keys"]]
    assert len(answer["keys"]) >= 2


def test_processes_that_start_together_agree_on_the_keys(tmp_path):
    from foundation.local_secrets import LocalSecrets

    seen = []

    def start() -> None:
        ring = keys.KeyRing((keys.new_key(threading.current_thread().name, now()),))
        seen.append(LocalSecrets(tmp_path).create("ring", keys.encoded(ring)))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert keys.decoded(seen[0]).keys[0].rsa.kid


def test_a_key_does_not_show_its_private_part():
    assert KEY.private not in repr(KEY) and '"d"' not in repr(keys.KeyRing((KEY,)))


def test_discovery_names_the_issuer_that_tokens_name():
    for pool, issuer in services.POOLS.items():
        found = Client().get(f"/{pool}/.well-known/openid-configuration").json()
        assert found["issuer"] == issuer
        assert found["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
        assert found["token_endpoint"] == f"{CHOSEN.issuer_url}/oauth2/token"
        assert found["code_challenge_methods_supported"] == ["S256"]
