"""A value that is read again and again, for code on an event loop."""

import asyncio
import threading
from collections.abc import Callable

from foundation.fresh import Recent
from tests.running import wait_for


class Store:
    """Something that takes its time to read: until it is let go on."""

    def __init__(self) -> None:
        self.value, self.reads = 1, 0
        self.threads: set[int] = set()
        self.reading, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def read(self) -> int:
        value = self.value
        self.reads += 1
        self.threads.add(threading.get_ident())
        self.reading.set()
        assert self.goes_on.wait(10)
        return value

    def hold(self) -> None:
        self.reading.clear()
        self.goes_on.clear()


async def turns_until(done: Callable[[], bool]) -> int:
    """How often the loop turns until something is so."""
    turns = 0
    while not done():
        turns += 1
        await asyncio.sleep(0.001)
    return turns


async def test_a_loop_goes_on_while_a_value_is_read_and_many_who_want_it_read_it_once():
    store = Store()
    store.hold()
    recent = Recent(store.read)
    waiting = [asyncio.ensure_future(recent.soon()) for _ in range(20)]
    await asyncio.wait_for(turns_until(store.reading.is_set), 10)
    store.goes_on.set()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 10) == [1] * 20
    assert (store.reads, threading.get_ident() in store.threads) == (1, False)


async def test_what_is_too_old_is_read_anew_in_a_thread_and_held_until_then():
    store = Store()
    recent = Recent(store.read)
    assert await recent.soon() == 1
    store.value = 2
    recent.forget()
    assert (recent.held(), store.reads) == (1, 1)
    assert await recent.soon() == 2
    assert (recent.held(), store.reads) == (2, 2)
    assert threading.get_ident() not in store.threads


def test_what_was_read_before_a_change_is_not_kept_after_it():
    store = Store()
    recent = Recent(store.read)
    assert recent.get() == 1
    recent.forget()
    store.hold()
    reader = threading.Thread(target=recent.get)
    reader.start()
    assert store.reading.wait(10)
    store.value = 2
    recent.forget()  # as who has changed it does
    store.goes_on.set()
    reader.join(10)
    assert recent.get() == 2


def test_an_ageing_value_is_given_out_while_it_is_read_anew():
    store = Store()
    recent = Recent(store.read, seconds=1000)
    assert recent.get() == 1
    assert recent.kept is not None
    recent.kept = (recent.kept[0] - 1500, 1)
    store.value = 2
    store.hold()
    assert recent.get() == 1
    assert store.reading.wait(10)
    assert recent.get() == 1
    store.goes_on.set()
    assert wait_for(lambda: recent.get() == 2, 10)
    assert store.reads == 2
