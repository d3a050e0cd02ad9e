"""What every set of counters promises."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trustme

from foundation.adapters.aws.counters import RedisCounters
from foundation.adapters.aws.redis_scripts import Scripts
from foundation.adapters.embedded.counters import SCHEMA, SqliteCounters
from foundation.adapters.embedded.database import Database
from foundation.errors import Unavailable
from foundation.ports import Counters
from tests.conformance.clock import Clock
from tests.conformance.processes import at_once, outputs, python
from tests.servers.redis import RedisServer


@dataclass(frozen=True)
class Store:
    """Counters of their own, for this process and, by the code that makes them from sys.argv, for others."""

    make: Callable[[Callable[[], float]], Counters]
    code: str
    arguments: tuple[str, str]


def embedded(request: pytest.FixtureRequest) -> Store:
    file = request.getfixturevalue("tmp_path") / "counters.db"
    return Store(partial(SqliteCounters, Database(file, SCHEMA)), SQLITE, (str(file), ""))


def redis(request: pytest.FixtureRequest) -> Store:
    url, deployment = request.getfixturevalue("redis_server").url, f"test-{uuid.uuid4().hex[:12]}"
    return Store(partial(RedisCounters, Scripts(url), deployment), REDIS, (url, deployment))


SQLITE = """
from pathlib import Path
from foundation.adapters.embedded.counters import SCHEMA, SqliteCounters
from foundation.adapters.embedded.database import Database
counters = SqliteCounters(Database(Path(sys.argv[1]), SCHEMA))
"""
REDIS = """
from foundation.adapters.aws.counters import RedisCounters
from foundation.adapters.aws.redis_scripts import Scripts
counters = RedisCounters(Scripts(sys.argv[1]), sys.argv[2])
"""
STORES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {"embedded": embedded, "aws": redis}


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param(request)
    return made


@pytest.fixture
def counters(store: Store, clock: Clock) -> Counters:
    return store.make(clock)


class TestCounters:
    def test_a_counter_starts_at_zero_and_adds_up(self, counters: Counters) -> None:
        assert counters.read("k") == 0
        assert [counters.add("k", window=60), counters.add("k", 4, window=60), counters.add("k", -2, window=60)] == [1, 5, 3]
        assert counters.read("k") == 3

    def test_counters_do_not_touch_each_other(self, counters: Counters) -> None:
        for key in ("k", "kk", "K", "k "):
            counters.add(key, window=60)
        counters.forget("k")
        assert [counters.read(key) for key in ("k", "kk", "K", "k ")] == [0, 1, 1, 1]

    def test_it_is_forgotten_a_window_after_its_first_addition(self, counters: Counters, clock: Clock) -> None:
        counters.add("k", 5, window=60)
        clock.moment += 59
        assert counters.add("k", window=60) == 6
        clock.moment += 1
        assert counters.read("k") == 0
        assert counters.add("k", window=60) == 1
        clock.moment += 59
        assert counters.read("k") == 1

    def test_a_repeat_of_forget_changes_nothing(self, counters: Counters) -> None:
        counters.add("k", window=60)
        for _ in range(2):
            counters.forget("k")
            assert counters.read("k") == 0
        assert counters.add("k", window=60) == 1

    def test_many_threads_lose_no_count_and_see_every_number_once(self, counters: Counters) -> None:
        seen = at_once(8, lambda _: [counters.add("k", window=60) for _ in range(50)])
        assert sorted(number for numbers in seen for number in numbers) == list(range(1, 401))

    def test_many_processes_lose_no_count_and_see_every_number_once(self, store: Store) -> None:
        work = "for _ in range(200): print(counters.add('k', window=3600))"
        told = outputs([python(store.code + work, *store.arguments) for _ in range(4)])
        assert sorted(int(number) for out in told for number in out.split()) == list(range(1, 801))


class TestEmbeddedCounters:
    def test_what_is_long_forgotten_takes_no_place(self, tmp_path: Path, clock: Clock) -> None:
        counters = SqliteCounters(Database(tmp_path / "counters.db", SCHEMA), clock)
        for number in range(100):
            counters.add(f"k{number}", window=60)
        clock.moment += 24 * 3600
        counters.add("k", window=60)
        with counters.database.reading() as connection:
            assert connection.execute("select count(*) from counters").fetchone() == (1,)


class TestCountersInRedis:
    def test_every_counter_forgets_itself(self, redis_server: RedisServer) -> None:
        deployment = f"test-{uuid.uuid4().hex[:12]}"
        counters = RedisCounters(Scripts(redis_server.url), deployment)
        counters.add("k", window=60)
        counters.add("k", window=60)
        with redis_server.client() as client:
            assert [0 < client.ttl(key) <= 60 for key in client.keys(f"{deployment}:*")] == [True]

    def test_over_tls_it_talks_to_a_server_with_a_trusted_certificate_and_to_no_other(self, tmp_path: Path) -> None:
        trusted = trustme.CA()
        trusted.cert_pem.write_to_path(tmp_path / "trusted.pem")
        issued = trusted.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        server = RedisServer(tmp_path / "redis", tls=(tmp_path / "certificate.pem", tmp_path / "key.pem"))
        with server.running():
            assert RedisCounters(Scripts(f"{server.url}?ssl_ca_certs={tmp_path}/trusted.pem"), "test").add("k", window=60) == 1
            with pytest.raises(Unavailable):
                RedisCounters(Scripts(server.url), "test").add("k", window=60)
