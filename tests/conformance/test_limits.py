"""What every adapter of the Limits port promises: shares that hold over threads, and that come back."""

import pytest

from foundation.ports import Claim, Floor, Limits, Reservation, Settlement, Verdict
from tests.conformance.clock import Clock
from tests.conformance.limits import DAY, ask, end
from tests.conformance.processes import at_once
from tests.running import wait_for


class TestLimits:
    """What is promised to every caller."""

    def test_what_fits_is_granted_and_what_does_not_holds_nothing_back(self, limits: Limits, clock: Clock) -> None:
        until = clock() + 60
        assert ask(limits, "a", Claim("k", 7, 10, until)) == Verdict(None, {"k": 3}, {"k": until})
        refused = Claim("k", 4, 10, until)
        assert ask(limits, "b", refused) == Verdict(refused, {"k": 3}, {"k": until}, passing=True)
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

    @pytest.mark.parametrize(("spent", "held", "passing"), [(0, 10, True), (4, 6, True), (5, 1, False), (10, 0, False)])
    def test_a_refusal_passes_while_only_what_is_held_back_is_in_its_way(
        self, limits: Limits, clock: Clock, spent: int, held: int, passing: bool
    ) -> None:
        until = clock() + 60
        ask(limits, "spent", Claim("k", spent, 10, until))
        end(limits, "spent", k=spent)
        ask(limits, "held", Claim("k", held, 10, until))
        wanted = Claim("k", 6, 10, until)
        assert ask(limits, "a", wanted) == Verdict(wanted, {"k": 10 - spent - held}, {"k": until}, passing)
        end(limits, "held")
        assert (ask(limits, "b", wanted).refused is None) == passing

    def test_no_refusal_passes_of_what_alone_is_larger_than_its_limit(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "held", Claim("k", 10, 10, clock() + 60))
        assert not ask(limits, "a", Claim("k", 11, 10, clock() + 60)).passing

    def test_a_claim_that_would_not_fit_either_if_nothing_were_held_back_is_named_before_others(
        self, limits: Limits, clock: Clock
    ) -> None:
        held, counted, spent = (
            Claim("held", 8, 10, clock() + 60),
            Claim("k", 1, 1, clock() + 60, True),
            Claim("s", 8, 10, clock() + 60),
        )
        ask(limits, "a", held)
        ask(limits, "b", spent)
        end(limits, "b", s=8)
        assert (ask(limits, "c", held, counted).refused, ask(limits, "d", held, counted, spent).refused) == (held, spent)
        ask(limits, "e", counted)
        verdict = ask(limits, "f", held, counted, spent)
        assert (verdict.refused, verdict.passing) == (counted, False)

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

    def test_what_expires_is_given_back_also_after_the_clock_was_put_back(self, limits: Limits, clock: Clock) -> None:
        ask(limits, "before", Claim("k", 1, 9, clock() + 60))
        clock.moment -= 7200
        wanted = Claim("k", 5, 9, clock() + 3600)
        limits.reserve([Reservation("died", (wanted,), clock() + 10)])
        clock.moment += 30
        assert ask(limits, "next", wanted).refused is None

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
