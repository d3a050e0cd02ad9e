"""Questions asked at the same time, where none waits for another's answer: one round trip instead of many."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from typing import Final, TypeVar

AT_ONCE: Final = 16

A = TypeVar("A")
B = TypeVar("B")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "together")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a process that was forked has none of the threads of the first


def together(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both answers. When both raise, it is what the first raises; neither is under way any more on return.

    `second` must not itself ask together: with every thread waiting for another, none would be left.
    """
    other = _threads().submit(copy_context().run, second)
    try:
        found = first()
    finally:
        wait((other,))
    return found, other.result()


def each(work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """What the work answers for each of the items, in their order, many at once. All are worked on, whatever some raise; of
    what they raise the first is raised."""
    with ThreadPoolExecutor(AT_ONCE, "each") as pool:
        waiting = [pool.submit(copy_context().run, work, item) for item in items]
    return [done.result() for done in waiting]
