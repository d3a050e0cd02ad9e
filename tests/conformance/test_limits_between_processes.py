"""What limits promise when several processes reserve at once, and when one of them is killed."""

from foundation.ports import Claim, Limits, Settlement
from tests.conformance.clock import Clock
from tests.conformance.limits import DAY, LimitsStore, ask
from tests.conformance.processes import kill, outputs, python

WORK = """
import threading, time
from foundation.grouped import Grouped
from foundation.ports import Claim, Reservation, Settlement
steps = Grouped("limits", limits.reserve)
until = time.time() + 3600
"""


class TestLimitsBetweenProcesses:
    def test_over_processes_and_threads_exactly_100_of_100_are_granted(self, limits_store: LimitsStore, clock: Clock) -> None:
        work = (
            limits_store.code
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
        told = outputs([python(work, *limits_store.arguments, str(number)) for number in range(4)])
        assert sum(map(int, told)) == 100
        assert limits_store.make(clock).used(["requests", "tokens", "slots"]) == [100, 700, 0]

    def test_a_budget_is_never_passed_while_processes_reserve_and_settle_at_once(
        self, limits_store: LimitsStore, clock: Clock
    ) -> None:
        work = (
            limits_store.code
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
        told = outputs([python(work, *limits_store.arguments, str(number)) for number in range(4)])
        spent = sum(map(int, told))
        assert 10_000 - 90 < spent <= 10_000
        assert limits_store.make(clock).used(["usd"]) == [spent]

    def test_what_a_killed_process_held_back_comes_back(self, limits_store: LimitsStore, clock: Clock) -> None:
        work = (
            limits_store.code
            + WORK
            + """
claims = (Claim("slots", 4, 4, until), Claim("usd", 50, 100, until))
assert steps.wait(Reservation("held", claims, until)).refused is None
print(until, flush=True)
sys.stdin.read()
"""
        )
        process = python(work, *limits_store.arguments)
        assert process.stdout is not None
        until = float(process.stdout.readline())
        kill(process)
        limits = limits_store.make(clock)
        assert limits.used(["slots", "usd"]) == [4, 50]
        clock.moment = until
        assert limits.used(["slots", "usd"]) == [0, 0]
        limits.settle([Settlement("held", {"usd": 20})])
        assert limits.used(["slots", "usd"]) == [0, 0]

    def test_what_is_long_over_takes_no_place(self, limits_store: LimitsStore, limits: Limits, clock: Clock) -> None:
        for number in range(100):
            ask(limits, str(number), Claim(f"k{number}", 1, 10, clock() + 60), until=clock() + 60)
        for _ in range(4):  # the first to expire them, the others to forget them
            clock.moment += 2 * DAY
            ask(limits, "last", Claim("k", 1, 10, clock() + 60))
        assert limits_store.rows() == 2
