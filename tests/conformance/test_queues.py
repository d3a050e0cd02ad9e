"""What every adapter of the Queues and Deliveries ports promises."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from foundation import messages
from foundation.adapters.embedded.messages import Messages
from foundation.adapters.embedded.queues import SqliteQueues
from foundation.errors import Invalid, NotFound
from foundation.manifest import Queue, minutes
from foundation.ports import Deliveries, Queues
from tests.servers.elasticmq import ElasticMq


class Both(Queues, Deliveries, Protocol):
    """Both ports, as one adapter has them."""


class Clock(Protocol):
    """The time that an adapter goes by."""

    def moment(self) -> float:
        """Now, in seconds since 1970."""

    def almost(self, seconds: float) -> None:
        """Go to a moment before that much time is over."""

    def over(self, seconds: float) -> None:
        """Go on to a moment after it."""


@dataclass
class OurClock:
    """It goes as far as it is told to."""

    now: float = 1_000_000.0

    def moment(self) -> float:
        return self.now

    def almost(self, seconds: float) -> None:
        self.now += seconds - 1

    def over(self, seconds: float) -> None:
        self.now += 2


@dataclass
class WallClock:
    """A server's: it goes by itself, so that little time is a few seconds and has to be waited for."""

    begun: float = field(default_factory=time.monotonic)

    def moment(self) -> float:
        return time.time()

    def almost(self, seconds: float) -> None:
        self.begun = time.monotonic()

    def over(self, seconds: float) -> None:
        time.sleep(max(0.0, self.begun + seconds + 0.3 - time.monotonic()))


@dataclass
class Bench:
    """An adapter, what a worker of it does, and the time that it goes by."""

    queues: Both
    receive: Callable[[str], list[tuple[str, messages.Order, int]]]  # (receipt, order, deliveries) of all that is visible
    finish: Callable[[str], None]
    clock: Clock
    visibility: int  # seconds, of each queue
    delay: int


def sqlite(folder: Path, request: pytest.FixtureRequest) -> Bench:
    clock = OurClock()
    queues = tuple(Queue(name, minutes(1), 3) for name in ("work", "other"))
    store = Messages(folder / "queues.db", queues, clock=clock.moment)

    def receive(queue: str) -> list[tuple[str, messages.Order, int]]:
        return [(each.receipt, messages.read(each.body), each.deliveries) for each in store.receive([queue], 10)]

    return Bench(SqliteQueues(store), receive, lambda receipt: store.dispose([receipt]), clock, 60, 900)


def elasticmq(folder: Path, request: pytest.FixtureRequest) -> Bench:
    server: ElasticMq = request.getfixturevalue("elasticmq")
    queues = server.queues(*(Queue(name, minutes(3 / 60), 3) for name in ("work", "other")))

    def receive(queue: str) -> list[tuple[str, messages.Order, int]]:
        found = queues.messages.receive(queue, 10)
        return [(each.receipt, messages.read(each.body), each.deliveries) for each in found]

    return Bench(queues, receive, lambda receipt: queues.messages.dispose([receipt]), WallClock(), 3, 2)


ADAPTERS = {"sqlite": sqlite, "elasticmq": elasticmq}


@pytest.fixture(params=ADAPTERS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield ADAPTERS[request.param](tmp_path, request)


def tick(bench: Bench) -> None:
    """Let so much time pass as two dead letters need to be told apart by it."""
    bench.clock.almost(1)
    bench.clock.over(0)


class TestQueues:
    """Messages are delivered at least once, are hidden while they are worked on, and are never lost."""

    def test_a_message_carries_its_task_and_ids(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", application="a", file="ü.pdf")
        ((_, order, deliveries),) = bench.receive("work")
        assert (order.task, order.ids, deliveries) == ("cut", {"application": "a", "file": "ü.pdf"}, 1)

    def test_a_message_is_in_its_own_queue_only(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        assert bench.receive("other") == []
        assert bench.queues.depth("other").waiting == 0

    def test_a_received_message_is_hidden_until_its_visibility_time_is_over(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        ((_, first, _),) = bench.receive("work")
        bench.clock.almost(bench.visibility)
        assert bench.receive("work") == []
        bench.clock.over(bench.visibility)
        ((_, second, deliveries),) = bench.receive("work")
        assert (second, deliveries) == (first, 2)

    def test_a_finished_message_never_comes_again(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        bench.finish(bench.receive("work")[0][0])
        bench.clock.almost(bench.visibility)
        bench.clock.over(bench.visibility)
        assert bench.receive("work") == []

    def test_a_delayed_message_is_not_visible_before_its_time(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", delay=bench.delay, file="a")
        bench.clock.almost(bench.delay)
        assert bench.receive("work") == [] and bench.queues.depth("work").delayed == 1
        bench.clock.over(bench.delay)
        assert len(bench.receive("work")) == 1

    @pytest.mark.parametrize("delay", [-1, 901])
    def test_a_delay_outside_its_bounds_is_refused_and_nothing_is_sent(self, bench: Bench, delay: int) -> None:
        with pytest.raises(Invalid, match=f"delay \\({delay}\\)"):
            bench.queues.send("cut", queue="work", delay=delay, file="a")
        assert bench.queues.depth("work").delayed == bench.queues.depth("work").waiting == 0

    def test_a_queue_that_does_not_exist_is_refused_by_name(self, bench: Bench) -> None:
        for refused in (
            lambda: bench.queues.send("cut", queue="nowhere", file="a"),
            lambda: bench.queues.depth("nowhere"),
            lambda: bench.queues.dead("nowhere"),
            lambda: bench.queues.redrive("nowhere"),
            lambda: bench.queues.redrive("nowhere", "some message"),
        ):
            with pytest.raises(NotFound, match="nowhere"):
                refused()

    def test_the_depth_counts_each_message_in_one_place(self, bench: Bench) -> None:
        for name in "abc":
            bench.queues.send("cut", queue="work", file=name)
        first, second, _ = bench.receive("work")
        bench.queues.bury(first[0], "broken")
        bench.queues.postpone(second[0], 30)
        bench.queues.send("cut", queue="work", file="d")
        depth = bench.queues.depth("work")
        assert (depth.waiting, depth.in_flight + depth.delayed, depth.dead) == (1, 2, 1)

    def test_a_postponed_message_comes_again_after_its_pause_and_counts_one_more(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        bench.queues.postpone(bench.receive("work")[0][0], bench.delay)
        bench.clock.almost(bench.delay)
        assert bench.receive("work") == []
        bench.clock.over(bench.delay)
        assert bench.receive("work")[0][2] == 2

    def test_a_receipt_of_an_earlier_delivery_changes_nothing(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        stale = bench.receive("work")[0][0]
        bench.clock.almost(bench.visibility)
        bench.clock.over(bench.visibility)
        current = bench.receive("work")[0][0]
        bench.queues.bury(stale, "too late")
        bench.queues.postpone(stale, 0)
        assert bench.receive("work") == [] and bench.queues.depth("work").dead == 0
        bench.queues.bury(current, "in time")
        assert [letter.reason for letter in bench.queues.dead("work").items] == ["in time"]

    def test_the_end_of_a_delivery_does_not_take_away_what_was_postponed_in_it(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        receipt = bench.receive("work")[0][0]
        bench.queues.postpone(receipt, 0)
        bench.finish(receipt)
        assert bench.receive("work")[0][2] == 2

    def test_the_end_of_a_late_delivery_does_not_take_away_what_it_could_not_postpone(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        late = bench.receive("work")[0][0]
        bench.clock.almost(bench.visibility)
        bench.clock.over(bench.visibility)
        bench.queues.postpone(late, 0)
        bench.finish(late)
        assert bench.receive("work")[0][2] == 2

    def test_a_disposed_message_cannot_be_disposed_of_again(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        receipt = bench.receive("work")[0][0]
        bench.queues.bury(receipt, "broken")
        bench.finish(receipt)
        bench.queues.postpone(receipt, 0)
        assert bench.receive("work") == [] and bench.queues.depth("work").dead == 1

    def test_a_dead_letter_says_what_it_was_and_why_it_died(self, bench: Bench) -> None:
        bench.queues.send("cut", queue="work", file="a")
        bench.queues.bury(bench.receive("work")[0][0], "KeyError: pages")
        (letter,) = bench.queues.dead("work").items
        assert (letter.queue, letter.task, letter.ids) == ("work", "cut", {"file": "a"})
        assert (letter.deliveries, letter.reason) == (1, "KeyError: pages")
        assert letter.died.timestamp() == pytest.approx(bench.clock.moment(), abs=30)

    def test_dead_letters_are_listed_oldest_first_each_on_one_page(self, bench: Bench) -> None:
        sent = [str(number) for number in range(7)]
        for name in sent:
            bench.queues.send("cut", queue="work", file=name)
            bench.queues.bury(bench.receive("work")[0][0], "broken")
            tick(bench)
        listed, cursor = [], None
        while True:
            page = bench.queues.dead("work", limit=3, cursor=cursor)
            assert len(page.items) <= 3
            listed += [letter.ids["file"] for letter in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert listed == sent

    def test_a_cursor_of_another_queue_is_refused(self, bench: Bench) -> None:
        for _ in range(2):
            bench.queues.send("cut", queue="work", file="a")
            bench.queues.bury(bench.receive("work")[0][0], "broken")
        cursor = bench.queues.dead("work", limit=1).cursor
        assert cursor is not None
        with pytest.raises(Invalid, match="cursor"):
            bench.queues.dead("other", cursor=cursor)

    def test_redriving_one_dead_letter_leaves_the_others(self, bench: Bench) -> None:
        for name in "ab":
            bench.queues.send("cut", queue="work", file=name)
            bench.queues.bury(bench.receive("work")[0][0], "broken")
            tick(bench)
        assert bench.queues.redrive("work", bench.queues.dead("work").items[0].id) == 1
        ((_, order, deliveries),) = bench.receive("work")
        assert (order.ids, deliveries) == ({"file": "a"}, 1)
        assert [letter.ids["file"] for letter in bench.queues.dead("work").items] == ["b"]

    def test_redriving_all_moves_each_once(self, bench: Bench) -> None:
        for name in "abc":
            bench.queues.send("cut", queue="work", file=name)
        for receipt, _, _ in bench.receive("work"):
            bench.queues.bury(receipt, "broken")
        assert bench.queues.redrive("work") == 3
        assert bench.queues.redrive("work") == 0
        assert len(bench.receive("work")) == 3

    def test_redriving_what_is_not_there_moves_nothing(self, bench: Bench) -> None:
        assert bench.queues.redrive("work", "no such message") == 0
