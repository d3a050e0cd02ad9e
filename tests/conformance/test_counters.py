"""What every set of counters promises."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.adapters.embedded.counters import SCHEMA, SqliteCounters
from foundation.adapters.embedded.database import Database
from foundation.ports import Counters
from tests.conformance.processes import at_once, outputs, python


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    moment: float = 1_000_000.0

    def __call__(self) -> float:
        return self.moment


def embedded(place: Path, clock: Clock) -> SqliteCounters:
    return SqliteCounters(Database(place / "counters.db", SCHEMA), clock)


STORES: dict[str, Callable[[Path, Clock], Counters]] = {"embedded": embedded}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Counters:
    return STORES[request.param](tmp_path, clock)


@pytest.mark.parametrize("counters", list(STORES), indirect=True)
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


class TestEmbeddedCounters:
    """What the counters in one SQLite file promise between processes."""

    def test_many_processes_lose_no_count_and_see_every_number_once(self, tmp_path: Path) -> None:
        work = """
from pathlib import Path
from foundation.adapters.embedded.counters import SCHEMA, SqliteCounters
from foundation.adapters.embedded.database import Database
counters = SqliteCounters(Database(Path(sys.argv[1]), SCHEMA))
for _ in range(200):
    print(counters.add("k", window=3600))
"""
        told = outputs([python(work, str(tmp_path / "counters.db")) for _ in range(4)])
        assert sorted(int(number) for out in told for number in out.split()) == list(range(1, 801))

    def test_what_is_long_forgotten_takes_no_place(self, tmp_path: Path, clock: Clock) -> None:
        counters = embedded(tmp_path, clock)
        for number in range(100):
            counters.add(f"k{number}", window=60)
        clock.moment += 24 * 3600
        counters.add("k", window=60)
        with counters.database.reading() as connection:
            assert connection.execute("select count(*) from counters").fetchone() == (1,)
