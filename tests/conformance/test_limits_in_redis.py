"""Limits in Redis: what is said when the server is away, and what is left when it comes back without its data."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from foundation.adapters.aws.limits import RedisLimits
from foundation.adapters.aws.redis_scripts import Scripts
from foundation.errors import Unavailable
from foundation.ports import Claim, Floor, Reservation
from tests.conformance.clock import Clock
from tests.conformance.limits import DAY, ask, end
from tests.running import wait_for
from tests.servers.redis import RedisServer


class TestLimitsInRedis:
    """What is said when the server is away, and what is left when it comes back without its data."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> RedisServer:
        return RedisServer(tmp_path / "redis")

    @pytest.fixture
    def away(self, own: RedisServer, clock: Clock) -> Iterator[RedisLimits]:
        scripts = Scripts(own.url)
        yield RedisLimits(scripts, "test", clock)
        scripts.redis.close()

    def back(self, limits: RedisLimits) -> bool:
        with suppress(Unavailable):
            return limits.used(["k"]) is not None
        return False

    def test_a_server_that_is_away_is_said_to_be_and_is_used_once_it_is_back(
        self, own: RedisServer, away: RedisLimits, clock: Clock
    ) -> None:
        for name in ("a", "b"):
            with pytest.raises(Unavailable) as refused:
                ask(away, name, Claim("k", 1, 10, clock() + 60))
            assert refused.value.retry_after
            with own.running():
                wait_for(lambda: self.back(away))
                assert ask(away, name, Claim("k", 1, 10, clock() + 60)).left == {"k": 9}

    def test_a_server_that_hangs_is_said_to_be_away_and_is_used_once_it_answers(
        self, own: RedisServer, away: RedisLimits, clock: Clock
    ) -> None:
        with own.running() as process:
            ask(away, "a", Claim("k", 1, 10, clock() + 60))
            os.kill(process, signal.SIGSTOP)
            for _ in range(200):  # each at once but for the first
                with pytest.raises(Unavailable):
                    ask(away, "b", Claim("k", 1, 10, clock() + 60))
            os.kill(process, signal.SIGCONT)
            wait_for(lambda: self.back(away))
            ask(away, "b", Claim("k", 1, 10, clock() + 60))
            end(away, "b")
            assert away.used(["k"]) == [1]

    def test_a_server_that_lost_its_data_counts_on_from_what_is_known_elsewhere(
        self, own: RedisServer, away: RedisLimits, clock: Clock
    ) -> None:
        until = clock() + 60
        with own.running(), own.client() as client:
            ask(away, "a", Claim("usd", 60, 100, until))
            client.flushall()
            client.script_flush()
            end(away, "a", usd=60)
            assert away.used(["usd"]) == [0]
            away.raise_to([Floor("usd", 60, until)])
            assert ask(away, "b", Claim("usd", 41, 100, until)).refused is not None

    def test_everything_in_it_forgets_itself(self, own: RedisServer, away: RedisLimits, clock: Clock) -> None:
        with own.running(), own.client() as client:
            ask(away, "a", Claim("k", 1, 10, clock() + 60), until=clock() + 60)
            ask(away, "b", Claim("k", 1, 10, clock() + 90, counted=True))
            clock.moment += 61
            end(away, "c")
            assert client.keys("test:*")
            assert all(0 < client.ttl(key) < 3 * DAY for key in client.keys("test:*"))

    def test_a_reservation_over_two_groups_is_refused_as_a_mistake(self, away: RedisLimits, clock: Clock) -> None:
        with pytest.raises(ValueError, match="group"):
            ask(away, "a:1", Claim("b::k", 1, 10, clock() + 60))

    def test_what_expired_in_an_outage_is_given_back_some_at_a_time_so_that_no_call_waits_for_all_of_it(
        self, own: RedisServer, away: RedisLimits, clock: Clock
    ) -> None:
        soon, until = clock() + 1, clock() + 3000
        many = [Reservation(str(number), (Claim("k", 1, 3000, until),), soon) for number in range(2500)]
        with own.running():
            away.reserve(many)
            clock.moment += 2
            left = [3000 - ask(away, f"after {number}", Claim("k", 0, 3000, until)).left["k"] for number in range(4)]
            assert left == [1500, 500, 0, 0]
