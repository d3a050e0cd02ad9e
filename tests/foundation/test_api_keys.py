"""API keys as callers show them: on hot routes and on Django's alike, in either header; and what a flood of them does."""

import base64
import secrets
import uuid

import pytest

from apps.applications import services
from apps.applications.records import Application
from foundation import keys
from foundation.errors import Unauthenticated
from foundation.fresh import FRESH
from foundation.identity import identify, is_at_hand
from tests.conformance.processes import outputs, python
from tests.foundation.asking import WAYS, ask
from tests.running import wait_for

pytestmark = pytest.mark.usefixtures("both_ways")
each_way = pytest.mark.parametrize("path", list(WAYS.values()), ids=list(WAYS))
BODY = b'{"name": "n"}'


@pytest.fixture
def application() -> Application:
    return services.create(f"Application {uuid.uuid4()}", "It has keys.")[0]


@pytest.fixture
def key(application: Application) -> str:
    return services.create_key(application.application, "a key")[1]


@each_way
@pytest.mark.parametrize("shape", ["Bearer {}", "bearer {}", "  Bearer   {} ", "{}"])
async def test_a_key_in_the_authorization_header_lets_in(path: str, key: str, shape: str) -> None:
    assert (await ask(path, BODY, authorization=shape.format(key))).status == 200


@each_way
async def test_a_key_in_x_api_key_lets_in(path: str, key: str) -> None:
    assert (await ask(path, BODY, x_api_key=key)).status == 200


@each_way
async def test_a_token_in_x_api_key_lets_in(path: str, good_token: str) -> None:
    assert (await ask(path, BODY, x_api_key=good_token)).status == 200


@each_way
async def test_with_both_headers_authorization_alone_counts(path: str, key: str, good_token: str) -> None:
    assert (await ask(path, BODY, authorization=f"Bearer {good_token}", x_api_key="gaf_wrong")).status == 200
    assert (await ask(path, BODY, authorization="Bearer gaf_wrong", x_api_key=key)).status == 401
    assert (await ask(path, BODY, authorization="", x_api_key=key)).status == 200


@each_way
@pytest.mark.parametrize("place", ["authorization", "x_api_key"])
async def test_a_key_that_is_none_of_ours_is_refused_and_not_repeated_to_the_caller(path: str, key: str, place: str) -> None:
    other = "A" if key[20] != "A" else "B"
    for wrong in (
        "gaf_",
        key[:-1],
        key + "A",
        f"{key[:20]}{other}{key[21:]}",
        key.upper(),
        key.replace("gaf_", "gaf_ "),
        "gaf_é" * 20,
    ):
        answer = await ask(path, BODY, **{place: wrong})
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
        assert wrong.encode() not in answer.body


@each_way
async def test_a_key_with_the_seal_of_a_digest_that_nobody_has_is_refused(path: str) -> None:
    body = keys.MARK + secrets.token_urlsafe(32)
    assert (await ask(path, BODY, x_api_key=body + keys.seal(body))).status == 401


@each_way
async def test_a_key_that_was_revoked_in_another_process_is_refused_within_five_seconds(
    path: str, key: str, application: Application
) -> None:
    assert (await ask(path, BODY, x_api_key=key)).status == 200
    held = services.keys_of(application.application).items[0]
    revoke = "from apps.applications import services; services.revoke_key(*sys.argv[1:])"
    outputs([python(revoke, application.application, held.key)])
    wait_for(lambda: is_refused(key), FRESH + 0.5)
    assert (await ask(path, BODY, x_api_key=key)).status == 401


def is_refused(key: str) -> bool:
    try:
        identify(f"Bearer {key}")
    except Unauthenticated:
        return True
    return False


def test_a_key_from_another_process_is_good_here(application: Application) -> None:
    create = "from apps.applications import services; print(services.create_key(sys.argv[1], 'a key')[1])"
    (text,) = outputs([python(create, application.application)])
    assert identify(f"Bearer {text.strip()}").application == application.application


def test_a_flood_of_keys_that_others_make_up_takes_no_memory_and_asks_no_store(key: str) -> None:
    assert identify(f"Bearer {key}")
    remembered = dict(keys.holders.kept)
    for _ in range(20_000):
        made_up = keys.MARK + base64.urlsafe_b64encode(secrets.token_bytes(38)).decode().rstrip("=")
        assert is_at_hand(made_up)  # so it is refused on the event loop, and no store is asked
        assert is_refused(made_up)
    assert dict(keys.holders.kept) == remembered
