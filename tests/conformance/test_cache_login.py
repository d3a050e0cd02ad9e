"""Processes sign in to the cache with their role: no password is anywhere, and a connection is renewed before its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ConnectionPool, Redis
from redis.connection import parse_url

from foundation.adapters.aws.clients import session
from foundation.adapters.aws.counters import RedisCounters
from foundation.adapters.aws.redis_login import SignedConnection, SignedLogin
from foundation.adapters.aws.redis_scripts import Scripts
from foundation.errors import Problem, Unavailable
from tests.servers.cache_door import CacheDoor, cache_door
from tests.servers.moto import KEY, REGION, SECRET
from tests.servers.redis import RedisServer


@pytest.fixture
def door(redis_server: RedisServer, tmp_path: Path) -> Iterator[CacheDoor]:
    """A cache with the user `processes`."""
    with cache_door("d-cache", "d-processes", redis_server.port, tmp_path) as opened:
        yield opened


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What the process signs with; changes show in the next session."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    session.cache_clear()
    yield monkeypatch
    session.cache_clear()


def counters(url: str, deployment: str, cache: str = "d-cache") -> RedisCounters:
    """The counters of a deployment, whose connections are their own."""
    return RedisCounters(Scripts(url, cache, REGION), deployment)


@pytest.mark.usefixtures("role")
def test_a_process_signs_in_with_its_role_once_for_each_connection(door: CacheDoor, deployment: str) -> None:
    own = counters(door.url, deployment)
    assert [own.add("k", window=60) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert door.seen == [KEY]


@pytest.mark.usefixtures("role")
@pytest.mark.parametrize(("user", "cache"), [("d-others", "d-cache"), ("d-processes", "e-cache")])
def test_what_is_signed_for_another_user_or_cache_opens_nothing(
    door: CacheDoor, deployment: str, user: str, cache: str
) -> None:
    with pytest.raises(Problem, match="Redis refuses the platform"):
        counters(door.url.replace("d-processes", user), deployment, cache).read("k")
    assert door.seen == []


def test_what_another_key_signed_opens_nothing(door: CacheDoor, deployment: str, role: pytest.MonkeyPatch) -> None:
    role.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(Problem, match="Redis refuses the platform"):
        counters(door.url, deployment).read("k")


def test_without_a_role_there_is_no_cache(door: CacheDoor, deployment: str, role: pytest.MonkeyPatch) -> None:
    role.delenv("AWS_ACCESS_KEY_ID")
    role.delenv("AWS_SECRET_ACCESS_KEY")
    role.setenv("AWS_EC2_METADATA_DISABLED", "true")
    role.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(Unavailable):
        counters(door.url, deployment).read("k")


@pytest.mark.usefixtures("role")
def test_a_connection_that_the_cache_has_ended_is_made_anew_and_nobody_sees_it(door: CacheDoor, deployment: str) -> None:
    own = counters(door.url, deployment)
    own.add("k", window=60)
    door.end_all()
    assert own.add("k", window=60) == 2
    assert len(door.seen) == 2


@pytest.mark.usefixtures("role")
@pytest.mark.parametrize(("longest", "times"), [(0, 3), (3600, 1)])
def test_a_connection_is_renewed_between_two_uses_before_the_cache_would_end_it(
    door: CacheDoor, longest: float, times: int
) -> None:
    place = {**parse_url(door.url.replace("d-processes@", ""))}  # type: ignore[no-untyped-call]  # redis-py's own
    login = SignedLogin("d-processes", "d-cache", REGION)
    kind = {"connection_class": SignedConnection, "credential_provider": login, "longest": longest}
    with Redis(connection_pool=ConnectionPool(**{**place, **kind}, protocol=2)) as redis:
        assert [redis.ping() for _ in range(3)] == [True] * 3
    assert len(door.seen) == times
