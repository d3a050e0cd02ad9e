"""What every adapter of the Limits port promises: shares that hold over threads and processes, and that come back."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from foundation.adapters.aws.limits import RedisLimits
from foundation.adapters.aws.redis_scripts import Scripts
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.errors import Unavailable
from foundation.ports import Claim, Floor, Limits, Reservation, Settlement, Verdict
from tests.conformance.processes import at_once, kill, outputs, python
from tests.running import wait_for
from tests.servers.redis import RedisServer

DAY = 86_400


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    moment: float = 1_000_000_000.0

    def __call__(self) -> float:
        return self.moment


@dataclass(frozen=True)
class Store:
    """Limits of their own, for this process and, by the code that makes them from sys.argv, for others. rows: how many
    counters and reservations it keeps."""

    make: Callable[[Callable[[], float]], Limits]
    code: str
    arguments: tuple[str, str]
    rows: Callable[[], int]


def embedded(request: pytest.FixtureRequest) -> Store:
    file = request.getfixturevalue("tmp_path") / "limits.db"
    database = Database(file, SCHEMA)

    def rows() -> int:
        with database.reading() as connection:
            return sum(
                connection.execute(f"select count(*) from {table}").fetchone()[0] for table in ("counters", "reservations")
            )

    return Store(partial(SqliteLimits, database), SQLITE, (str(file), ""), rows)


def redis(request: pytest.FixtureRequest) -> Store:
    server, deployment = request.getfixturevalue("redis_server"), f"test-{uuid.uuid4().hex[:12]}"

    def rows() -> int:
        with server.client() as client:
            return sum(client.hlen(key) for key in client.keys(f"{deployment}:*") if client.type(key) == b"hash")

    return Store(partial(RedisLimits, Scripts(server.url), deployment), REDIS, (server.url, deployment), rows)


SQLITE = """
from pathlib import Path
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
limits = SqliteLimits(Database(Path(sys.argv[1]), SCHEMA))
"""
REDIS = """
from foundation.adapters.aws.limits import RedisLimits
from foundation.adapters.aws.redis_scripts import Scripts
limits = RedisLimits(Scripts(sys.argv[1]), sys.argv[2])
"""
ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], Store]] = {"embedded": embedded, "aws": redis}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS.keys())
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param(request)
    return made


@pytest.fixture
def limits(store: Store, clock: Clock) -> Limits:
    return store.make(clock)


def ask(limits: Limits, name: str, *claims: Claim, until: float = 2_000_000_000.0) -> Verdict:
    """Reserve one."""
    (verdict,) = limits.reserve([Reservation(name, claims, until)])
    assert verdict is not None
    return verdict


def end(limits: Limits, name: str, **used: int) -> None:
    limits.settle([Settlement(name, used)])


class TestLimits:
    """What is promised to every caller."""

    def test_what_fits_is_granted_and_what_does_not_holds_nothing_back(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 60
        assert ask(limits, "a", Claim("k", 7, 10, until)) == Verdict(None, {"k": 3}, {"k": until})
        refused = Claim("k", 4, 10, until)
        assert ask(limits, "b", refused) == Verdict(refused, {"k": 3}, {"k": until})
        assert ask(limits, "c", Claim("k", 3, 10, until)) == Verdict(None, {"k": 0}, {"k": until})
        assert limits.used(["k"]) == [10]

    def test_all_claims_are_granted_together_or_none(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 60
        tight = Claim("tight", 2, 1, until)
        claims = (Claim("wide", 1, 10, until), Claim("counted", 1, 10, until, counted=True), tight)
        verdict = ask(limits, "a", *claims)
        assert verdict.refused == tight
        assert verdict.left == {"wide": 10, "counted": 10, "tight": 1}
        assert limits.used(["wide", "counted", "tight"]) == [0, 0, 0]

    def test_the_first_claim_that_does_not_fit_is_the_one_that_is_named(self, limits: Limits, clock: Clock) -> None:
        first, second = (Claim(key, 2, 1, clock() + 60) for key in ("first", "second"))
        assert ask(limits, "a", first, second).refused == first

    def test_what_was_used_stays_and_the_rest_is_given_back(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "a", Claim("k", 100, 100, clock() + 60))
        end(limits, "a", k=30)
        assert limits.used(["k"]) == [30]
        assert ask(limits, "b", Claim("k", 70, 100, clock() + 60)).refused is None

    def test_more_than_was_reserved_counts_too(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "a", Claim("k", 10, 100, clock() + 60))
        end(limits, "a", k=130)
        assert limits.used(["k"]) == [130]
        refused = ask(limits, "b", Claim("k", 1, 100, clock() + 60))
        assert refused.refused is not None and refused.left == {"k": 0}

    @pytest.mark.parametrize("reported", [-5, 10**30])
    def test_a_number_that_cannot_be_lowers_nothing_and_breaks_nothing(
        self, limits: Limits, clock: Clock, reported: int
    ) -> None:
        ask(limits, "a", Claim("k", 10, 100, clock() + 60))
        ask(limits, "b", Claim("k", 10, 100, clock() + 60))
        end(limits, "a", k=40)
        end(limits, "b", k=reported)
        assert limits.used(["k"])[0] >= 40

    def test_a_call_that_failed_gives_everything_back(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "a", Claim("k", 100, 100, clock() + 60), Claim("c", 1, 1, clock() + 60))
        end(limits, "a")
        assert limits.used(["k", "c"]) == [0, 0]

    def test_what_is_counted_by_the_wish_itself_is_not_given_back(self, limits: Limits, clock: Clock) -> None:
        claim = Claim("requests", 1, 2, clock() + 60, counted=True)
        for name in ("a", "b"):
            assert ask(limits, name, claim).refused is None
            end(limits, name, requests=5)
        assert limits.used(["requests"]) == [2]
        assert ask(limits, "c", claim).refused == claim

    def test_without_a_limit_it_is_only_counted(self, limits: Limits, clock: Clock) -> None:
        assert ask(limits, "a", Claim("k", 10**9, None, clock() + 60)).refused is None
        end(limits, "a", k=10**9)
        assert limits.used(["k"]) == [10**9]

    def test_a_repeat_of_settling_and_an_unknown_id_change_nothing(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "a", Claim("k", 100, 100, clock() + 60))
        for _ in range(3):
            end(limits, "a", k=30)
            end(limits, "unknown", k=30)
        assert limits.used(["k"]) == [30]

    def test_a_reservation_in_the_place_of_another_holds_back_its_own_alone(self, limits: Limits, clock: Clock) -> None:
        for _ in range(3):
            assert ask(limits, "a", Claim("k", 60, 200, clock() + 60)).refused is None
        assert limits.used(["k"]) == [60]
        end(limits, "a", k=10)
        assert limits.used(["k"]) == [10]

    def test_steps_are_taken_in_their_order_in_one_go(self, limits: Limits, clock: Clock) -> None:
        claim = Claim("slot", 1, 1, clock() + 60)
        steps = [
            Reservation("a", (claim,), clock() + 60),
            Reservation("b", (claim,), clock() + 60),
            Settlement("a", {}),
            Reservation("c", (claim,), clock() + 60),
            Settlement("c", {}),
        ]
        first, second, none, third, nothing = limits.reserve(steps)
        assert first is not None and second is not None and third is not None
        assert (first.refused, second.refused, third.refused, none, nothing) == (None, claim, None, None, None)
        assert limits.used(["slot"]) == [0]

    def test_a_window_begins_with_its_first_claim_and_ends_when_that_said(self, limits: Limits, clock: Clock) -> None:
        def request(name: str) -> Verdict:
            return ask(limits, name, Claim("k", 1, 2, clock() + 60, counted=True))

        began = clock()
        assert request("a").until == {"k": began + 60}
        clock.moment += 59
        assert request("b").until == {"k": began + 60}
        refused = request("c")
        assert refused.refused is not None and refused.until == {"k": began + 60}
        clock.moment += 1
        assert request("d") == Verdict(None, {"k": 1}, {"k": began + 120})

    def test_what_is_held_back_outlives_the_window(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "slow", Claim("k", 8, 10, clock() + 60))
        clock.moment += 61
        assert ask(limits, "b", Claim("k", 3, 10, clock() + 60)).refused is not None
        end(limits, "slow", k=8)
        assert ask(limits, "c", Claim("k", 10, 10, clock() + 60)).refused is None

    def test_a_reservation_that_is_never_settled_expires(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 600
        ask(limits, "dead", Claim("k", 8, 10, until), Claim("slot", 1, 1, until), until=clock() + 30)
        clock.moment += 29
        assert limits.used(["k", "slot"]) == [8, 1]
        clock.moment += 1
        assert limits.used(["k", "slot"]) == [0, 0]
        assert ask(limits, "b", Claim("k", 10, 10, until), Claim("slot", 1, 1, until)).refused is None

    def test_however_much_has_expired_in_an_outage_the_next_call_is_served(self, limits: Limits, clock: Clock) -> None:
        for some in range(10):  # on more counters than a statement of SQLite's takes
            names = [f"{some}-{number}" for number in range(650)]
            claims = {name: tuple(Claim(f"{name}-{kind}", 1, 1, clock() + 600) for kind in range(10)) for name in names}
            limits.reserve([Reservation(name, claims[name], clock() + 30) for name in names])
        clock.moment += 30
        assert ask(limits, "next", Claim("k", 1, 1, clock() + 600)).refused is None
        wait_for(lambda: ask(limits, "again", Claim("9-649-9", 1, 1, clock() + 600)).refused is None)

    def test_what_was_used_is_counted_also_after_the_reservation_has_expired_and_once(
        self, limits: Limits, clock: Clock
    ) -> None:
        until = clock() + DAY
        ask(limits, "late", Claim("k", 8, 100, until), until=clock() + 30)
        clock.moment += 31
        ask(limits, "b", Claim("k", 1, 100, until))
        for _ in range(2):
            end(limits, "late", k=5)
            assert limits.used(["k"]) == [6]

    def test_what_was_used_in_a_time_that_is_over_is_counted_in_no_other(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "a", Claim("k", 8, 10, clock() + 60))
        clock.moment += 61
        end(limits, "a", k=8)
        assert limits.used(["k"]) == [0]

    def test_a_floor_raises_and_never_lowers(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 60
        for amount, expected in ((50, 50), (50, 50), (20, 50), (70, 70)):
            limits.raise_to([Floor("k", amount, until)])
            assert limits.used(["k"]) == [expected]
        assert ask(limits, "a", Claim("k", 31, 100, until)).refused is not None
        assert ask(limits, "b", Claim("k", 30, 100, until)).refused is None
        clock.moment += 60
        assert limits.used(["k"]) == [30]
        limits.raise_to([Floor("k", 500, until)])
        assert limits.used(["k"]) == [30]

    def test_limits_do_not_touch_each_other(self, limits: Limits, clock: Clock) -> None:
        keys = ["k", "kk", "K", "k ", "", "ключ"]
        for place, key in enumerate(keys):
            ask(limits, key, Claim(key, place + 1, 100, clock() + 60))
        assert limits.used([*keys, "none"]) == [1, 2, 3, 4, 5, 6, 0]

    def test_groups_are_served_side_by_side_each_in_its_order(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 60
        steps: list[Reservation | Settlement] = []
        for group in "abcdefgh":
            claims = (Claim(f"{group}::slot", 1, 1, until), Claim(f"{group}:model:tokens", 10, 100, until))
            steps += [Reservation(f"{group}:1", claims, until), Reservation(f"{group}:2", claims, until)]
        steps += [Settlement(f"{group}:1", {f"{group}:model:tokens": 7}) for group in "abcdefgh"]
        verdicts = limits.reserve(steps)
        refused = [verdict.refused.key if verdict.refused else "" for verdict in verdicts if verdict is not None]
        assert refused == [name for group in "abcdefgh" for name in ("", f"{group}::slot")]
        assert list(verdicts[16:]) == [None] * 8
        keys = [f"{group}{key}" for group in "hgfedcba" for key in (":model:tokens", "::slot")]
        assert limits.used(keys) == [7, 0] * 8
        limits.raise_to([Floor(key, 50, until) for key in keys])
        assert limits.used(keys) == [50] * 16

    def test_many_threads_get_exactly_what_there_is(self, limits: Limits, clock: Clock) -> None:
        claim = Claim("k", 1, 100, clock() + 60, counted=True)

        def client(number: int) -> int:
            return sum(ask(limits, f"{number} {turn}", claim).refused is None for turn in range(10))

        assert sum(at_once(32, client)) == 100
        assert limits.used(["k"]) == [100]


WORK = """
import threading, time
from foundation.grouped import Grouped
from foundation.ports import Claim, Reservation, Settlement
steps = Grouped("limits", limits.reserve)
until = time.time() + 3600
"""


class TestLimitsBetweenProcesses:
    """What the shares promise when several processes reserve at once, and when one of them is killed."""

    def test_over_processes_and_threads_exactly_100_of_100_are_granted(self, store: Store, clock: Clock) -> None:
        work = (
            store.code
            + WORK
            + """
granted = []
def client(number):
    for turn in range(2):
        request, tokens = Claim("requests", 1, 100, until, counted=True), Claim("tokens", 10, 10**6, until)
        claims = (request, tokens, Claim("slots", 1, 256, until))
        name = f"{sys.argv[3]} {number} {turn}"
        if steps.wait(Reservation(name, claims, until)).refused is None:
            granted.append(name)
            steps.later(Settlement(name, {"tokens": 7}))
clients = [threading.Thread(target=client, args=(number,)) for number in range(64)]
[each.start() for each in clients]
[each.join() for each in clients]
steps.wait(Settlement("none", {}))
print(len(granted))
"""
        )
        told = outputs([python(work, *store.arguments, str(number)) for number in range(4)])
        assert sum(map(int, told)) == 100
        assert store.make(clock).used(["requests", "tokens", "slots"]) == [100, 700, 0]

    def test_a_budget_is_never_passed_while_processes_reserve_and_settle_at_once(self, store: Store, clock: Clock) -> None:
        work = (
            store.code
            + WORK
            + """
spent = []
def client(number):
    for turn in range(20):
        name = f"{sys.argv[3]} {number} {turn}"
        if steps.wait(Reservation(name, (Claim("usd", 90, 10_000, until),), until)).refused is None:
            assert limits.used(["usd"])[0] <= 10_000
            steps.later(Settlement(name, {"usd": 40 + number % 50}))
            spent.append(40 + number % 50)
clients = [threading.Thread(target=client, args=(number,)) for number in range(16)]
[each.start() for each in clients]
[each.join() for each in clients]
steps.wait(Settlement("none", {}))
print(sum(spent))
"""
        )
        told = outputs([python(work, *store.arguments, str(number)) for number in range(4)])
        spent = sum(map(int, told))
        assert 10_000 - 90 < spent <= 10_000
        assert store.make(clock).used(["usd"]) == [spent]

    def test_what_a_killed_process_held_back_comes_back(self, store: Store, clock: Clock) -> None:
        work = (
            store.code
            + WORK
            + """
claims = (Claim("slots", 4, 4, until), Claim("usd", 50, 100, until))
assert steps.wait(Reservation("held", claims, until)).refused is None
print(until, flush=True)
sys.stdin.read()
"""
        )
        process = python(work, *store.arguments)
        assert process.stdout is not None
        until = float(process.stdout.readline())
        kill(process)
        limits = store.make(clock)
        assert limits.used(["slots", "usd"]) == [4, 50]
        clock.moment = until
        assert limits.used(["slots", "usd"]) == [0, 0]
        limits.settle([Settlement("held", {"usd": 20})])
        assert limits.used(["slots", "usd"]) == [0, 0]

    def test_what_is_long_over_takes_no_place(self, store: Store, limits: Limits, clock: Clock) -> None:
        for number in range(100):
            ask(limits, str(number), Claim(f"k{number}", 1, 10, clock() + 60), until=clock() + 60)
        for _ in range(4):  # the first to expire them, the others to forget them
            clock.moment += 2 * DAY
            ask(limits, "last", Claim("k", 1, 10, clock() + 60))
        assert store.rows() == 2


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
