"""A stream that is watched: the first of it, the silence in its middle, and its end."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import uvloop

from apps.invocation.patience import patient

LONG = 30.0


async def source(*pauses: float) -> AsyncGenerator[int, None]:
    """Numbers, each after a pause."""
    for number, pause in enumerate(pauses):
        await asyncio.sleep(pause)
        yield number


async def test_what_comes_in_time_is_passed_on():
    assert [number async for number in patient(source(0, 0.01, 0.01), LONG, LONG, LONG)] == [0, 1, 2]


async def test_the_first_may_come_later_than_the_others():
    assert [number async for number in patient(source(0.2, 0, 0), LONG, 0.1, LONG)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("pauses", "first", "idle", "longest", "came"),
    [
        ((LONG,), 0.05, LONG, LONG, []),
        ((0, LONG), LONG, 0.05, LONG, [0]),
        ((0, 0, LONG), LONG, 0.05, LONG, [0, 1]),
        ((0, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03), LONG, LONG, 0.1, None),
    ],
    ids=["the first", "the second", "a later one", "the end"],
)
async def test_what_is_late_is_waited_for_no_longer(
    pauses: tuple[float, ...], first: float, idle: float, longest: float, came: list[int] | None
):
    seen = []
    with pytest.raises(TimeoutError):
        async for number in patient(source(*pauses), first, idle, longest):
            seen.append(number)
    assert seen == came if came is not None else 0 < len(seen) < len(pauses)


async def test_the_time_that_the_reader_takes_does_not_count():
    seen = []
    async for number in patient(source(0, 0, 0), 0.05, 0.05, LONG):
        await asyncio.sleep(0.1)
        seen.append(number)
    assert seen == [0, 1, 2]


async def test_a_late_source_is_stopped_where_it_stands():
    stopped = []

    async def stubborn() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.sleep(LONG)
        finally:
            stopped.append(True)

    with pytest.raises(TimeoutError):
        async for _ in patient(stubborn(), LONG, 0.05, LONG):
            pass
    assert stopped == [True]


async def test_a_cancellation_from_outside_stays_one():
    async def read() -> None:
        async for _ in patient(source(0, LONG), LONG, LONG, LONG):
            reading.set()

    reading = asyncio.Event()
    task = asyncio.ensure_future(read())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_reader_may_hand_the_stream_to_another_task():
    async with aclosing(patient(source(0, 0, LONG), LONG, 0.05, LONG)) as events:
        assert await anext(events) == 0
        assert await asyncio.ensure_future(anext(events)) == 1
        with pytest.raises(TimeoutError):
            await asyncio.ensure_future(anext(events))


def test_what_has_come_is_passed_on_also_after_the_end_of_its_time():
    async def read() -> list[int]:
        seen = []
        async for number in patient(at_once(), LONG, LONG, 0.0):
            seen.append(number)
        return seen

    async def at_once() -> AsyncGenerator[int, None]:
        for number in range(3):
            yield number

    assert uvloop.run(read()) == [0, 1, 2]


@pytest.mark.parametrize("is_read", [True, False], ids=["while it waits", "while it is read"])
async def test_a_task_that_is_cancelled_leaves_nothing_to_the_collector_of_garbage(is_read: bool):
    async def read() -> None:
        async with aclosing(patient(source(0, LONG), LONG, LONG, LONG)) as events:
            async for _ in events:
                reading.set()
                if not is_read:
                    await asyncio.sleep(LONG)

    gc.collect()
    gc.disable()
    try:
        reading = asyncio.Event()
        task = asyncio.ensure_future(read())
        await reading.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        left = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        assert left() is None
    finally:
        gc.enable()
