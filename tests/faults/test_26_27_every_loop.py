"""26 and 27, for every loop behind a queue: messages that come twice and in any order, whoever begins it or works on it is
killed at any step, and what is given up on then is over, with a reason, and can be tried again."""

from typing import Any

import pytest

from foundation.identity import Caller
from tests.conftest import made_caller
from tests.delivering import Delivery, deliver_all, redrive
from tests.faults.loops import LOOPS, Loop, of_caller
from tests.faults.test_26_chunking_worker_killed import killed_at

loops = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
KINDS = [pytest.param(loop, kind, id=kind) for loop in LOOPS.values() for kind in loop.kinds]
FOUND = {name: loop for name, loop in LOOPS.items() if name != "invocation"}  # without its id nobody finds one; it expires
MOST = 500  # steps; more than any has


def wanted(loop: Loop) -> Any:
    """What the loop comes to when nothing goes wrong."""
    caller = made_caller()
    made = loop.made(caller, loop.prepared(caller))
    deliver_all(caller.application, loop.queue)
    result = loop.result(caller, made)
    assert result is not None
    return result


@loops
def test_27_every_message_twice_and_the_last_first_comes_to_the_same(loop: Loop, caller: Caller) -> None:
    made = loop.made(caller, loop.prepared(caller))

    def twice(delivery: Delivery) -> None:
        for _ in range(2):
            delivery.work()

    deliver_all(caller.application, loop.queue, act=twice)
    assert loop.result(caller, made) == wanted(loop)
    assert redrive(caller.application, loop.queue) == 0


@pytest.mark.parametrize("loop", FOUND.values(), ids=FOUND.keys())
def test_26_what_was_begun_by_a_process_that_was_killed_at_any_step_ends(loop: Loop) -> None:
    good = wanted(loop)
    caller = made_caller()
    prepared = loop.prepared(caller)
    for step in range(1, MOST):
        prepared = loop.prepared(caller) if loop.once else prepared
        before = {made: loop.result(caller, made) for made in of_caller(loop, caller)}
        killed = killed_at(step, lambda prepared=prepared: loop.made(caller, prepared))
        deliver_all(caller.application, loop.queue)
        for made in of_caller(loop, caller):
            result = loop.result(caller, made)
            assert result == good or (made in before and result == before[made]), f"killed at step {step}"
        assert redrive(caller.application, loop.queue) == 0
        if not killed:
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize(("loop", "kind"), KINDS)
def test_26_what_is_given_up_on_at_any_step_is_over_with_a_reason_and_can_be_redriven(loop: Loop, kind: str) -> None:
    good = wanted(loop)
    caller = made_caller()
    prepared = loop.prepared(caller)
    for step in range(1, MOST):
        prepared = loop.prepared(caller) if loop.once else prepared
        made = loop.made(caller, prepared)
        killed: list[bool] = []

        def act(delivery: Delivery, step: int = step, killed: list[bool] = killed) -> None:
            if delivery.order.task == kind and not killed:
                killed.append(killed_at(step, delivery.work))
            if delivery.order.task == kind and killed[0]:  # so is every other one of its kind
                return delivery.give_up()
            return delivery.work()

        deliver_all(caller.application, loop.queue, act=act)
        result = loop.result(caller, made)
        assert result is not None, f"given up at step {step}: it is not over"
        if killed[0]:
            assert result == good or all(loop.reasons(caller, made)), f"given up at step {step}: {result}"
            assert redrive(caller.application, loop.queue) >= 1
            deliver_all(caller.application, loop.queue)
            assert loop.result(caller, made) == (good if loop.mends else result), f"redriven after step {step}"
        else:
            assert result == good
            return
    pytest.fail("it never came to its end")
