"""What every adapter of the Limits port promises: shares that hold over threads and processes, and that come back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.ports import Claim, Floor, Limits, Reservation, Settlement, Verdict
from tests.conformance.processes import at_once, kill, outputs, python

DAY = 86_400


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    moment: float = 1_000_000_000.0

    def __call__(self) -> float:
        return self.moment


def embedded(folder: Path, clock: Clock) -> SqliteLimits:
    return SqliteLimits(Database(folder / "limits.db", SCHEMA), clock)


ADAPTERS: dict[str, Callable[[Path, Clock], Limits]] = {"embedded": embedded}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS.keys())
def limits(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Limits:
    made: Limits = request.param(tmp_path, clock)
    return made


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

    def test_many_threads_get_exactly_what_there_is(self, limits: Limits, clock: Clock) -> None:
        claim = Claim("k", 1, 100, clock() + 60, counted=True)

        def client(number: int) -> int:
            return sum(ask(limits, f"{number} {turn}", claim).refused is None for turn in range(10))

        assert sum(at_once(32, client)) == 100
        assert limits.used(["k"]) == [100]


WORK = """
import threading, time
from pathlib import Path
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.grouped import Grouped
from foundation.ports import Claim, Reservation, Settlement
limits = SqliteLimits(Database(Path(sys.argv[1]), SCHEMA))
steps = Grouped("limits", limits.reserve)
until = time.time() + 3600
"""


class TestEmbeddedLimits:
    """What the shares in one SQLite file promise between processes."""

    def test_over_processes_and_threads_exactly_100_of_100_are_granted(self, tmp_path: Path) -> None:
        work = (
            WORK
            + """
granted = []
def client(number):
    for turn in range(2):
        request, tokens = Claim("requests", 1, 100, until, counted=True), Claim("tokens", 10, 10**6, until)
        claims = (request, tokens, Claim("slots", 1, 256, until))
        name = f"{sys.argv[2]} {number} {turn}"
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
        file = tmp_path / "limits.db"
        told = outputs([python(work, str(file), str(number)) for number in range(4)])
        assert sum(map(int, told)) == 100
        limits = SqliteLimits(Database(file, SCHEMA))
        assert limits.used(["requests", "tokens", "slots"]) == [100, 700, 0]

    def test_a_budget_is_never_passed_while_processes_reserve_and_settle_at_once(self, tmp_path: Path) -> None:
        work = (
            WORK
            + """
spent = []
def client(number):
    for turn in range(20):
        name = f"{sys.argv[2]} {number} {turn}"
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
        file = tmp_path / "limits.db"
        told = outputs([python(work, str(file), str(number)) for number in range(4)])
        spent = sum(map(int, told))
        assert 10_000 - 90 < spent <= 10_000
        assert SqliteLimits(Database(file, SCHEMA)).used(["usd"]) == [spent]

    def test_what_a_killed_process_held_back_comes_back(self, tmp_path: Path) -> None:
        work = (
            WORK
            + """
claims = (Claim("slots", 4, 4, until), Claim("usd", 50, 100, until))
assert steps.wait(Reservation("held", claims, until)).refused is None
print("held", flush=True)
sys.stdin.read()
"""
        )
        file, clock = tmp_path / "limits.db", Clock()
        process = python(work, str(file))
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        kill(process)
        limits = SqliteLimits(Database(file, SCHEMA), clock)
        assert limits.used(["slots", "usd"]) == [4, 50]
        with limits.database.reading() as connection:
            (clock.moment,) = connection.execute("select until from reservations").fetchone()
        assert limits.used(["slots", "usd"]) == [0, 0]
        limits.settle([Settlement("held", {"usd": 20})])
        assert limits.used(["slots", "usd"]) == [0, 0]

    def test_what_is_long_over_takes_no_place(self, tmp_path: Path, clock: Clock) -> None:
        limits = embedded(tmp_path, clock)
        for number in range(100):
            ask(limits, str(number), Claim(f"k{number}", 1, 10, clock() + 60), until=clock() + 60)
        for _ in range(2):  # the first to expire them, the second to forget them
            clock.moment += 2 * DAY
            ask(limits, "last", Claim("k", 1, 10, clock() + 60))
        with limits.database.reading() as connection:
            assert connection.execute("select count(*) from reservations").fetchone() == (1,)
            assert connection.execute("select count(*) from counters").fetchone() == (1,)
