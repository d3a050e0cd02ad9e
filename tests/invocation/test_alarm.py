"""An alarm that is put off does not ring; its timer is not made anew for that."""

import asyncio
from typing import Any

import pytest

from apps.invocation.alarm import Alarm


class Counting(asyncio.SelectorEventLoop):
    """Counts the timers that are made."""

    made = 0

    def call_at(self, *arguments: Any, **named: Any) -> asyncio.TimerHandle:
        self.made += 1
        return super().call_at(*arguments, **named)


@pytest.fixture
def loop() -> Any:
    made = Counting()
    yield made
    made.close()


def test_it_rings_once_at_the_moment_that_was_set_last(loop: Counting) -> None:
    rung: list[float] = []
    alarm = Alarm(loop, lambda: rung.append(loop.time()))
    first = loop.time() + 0.05
    alarm.set(first)
    alarm.set(first + 0.05)
    alarm.set(first + 0.1)
    loop.run_until_complete(asyncio.sleep(0.4))
    assert len(rung) == 1
    assert rung[0] >= first + 0.1


def test_one_that_is_off_or_ended_does_not_ring_and_an_earlier_moment_holds(loop: Counting) -> None:
    rung: list[str] = []
    off, ended, earlier = (Alarm(loop, lambda name=name: rung.append(name)) for name in ("off", "ended", "earlier"))  # type: ignore[misc]
    for alarm in (off, ended):
        alarm.set(loop.time() + 0.02)
    off.off()
    ended.end()
    earlier.set(loop.time() + 60)
    earlier.set(loop.time() + 0.02)
    loop.run_until_complete(asyncio.sleep(0.2))
    assert rung == ["earlier"]
    off.set(loop.time() + 0.02)
    loop.run_until_complete(asyncio.sleep(0.2))
    assert rung == ["earlier", "off"]


def test_many_waits_make_one_timer(loop: Counting) -> None:
    alarm = Alarm(loop, lambda: None)
    for _ in range(1000):
        alarm.set(loop.time() + 60)
        alarm.off()
    assert loop.made == 1
