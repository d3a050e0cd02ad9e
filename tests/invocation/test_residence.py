"""An engine is in memory only while it is in use."""

import threading

import pytest

from apps.invocation.residence import Resident
from tests.running import wait_for


class Engine:
    made = 0

    def __init__(self) -> None:
        Engine.made += 1


def test_threads_that_come_at_once_share_one_engine():
    resident, before, found = Resident(Engine, 60), Engine.made, []
    gate = threading.Barrier(8)

    def use() -> None:
        gate.wait()
        with resident.use() as engine:
            found.append(engine)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Engine.made - before, len(found), len(set(map(id, found)))) == (1, 8, 1)


def test_it_leaves_when_it_has_been_idle_and_comes_again():
    resident = Resident(Engine, 0.05)
    with resident.use() as first:
        pass
    wait_for(lambda: not resident.present, 5)
    with resident.use() as second:
        assert second is not first


def test_it_stays_while_it_is_used_however_long_that_takes():
    resident = Resident(Engine, 0.01)
    other = Resident(Engine, 0.01)
    with resident.use():
        with other.use():
            pass
        wait_for(lambda: not other.present, 5)
        assert resident.present


def test_one_that_cannot_be_loaded_is_tried_again_the_next_time():
    broken = [True]

    def load() -> Engine:
        if broken:
            raise OSError("no such file")
        return Engine()

    resident = Resident(load, 60)
    with pytest.raises(OSError, match="no such file"), resident.use():
        pass
    broken.clear()
    with resident.use() as engine:
        assert isinstance(engine, Engine)
