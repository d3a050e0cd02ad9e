"""Two questions at the same time."""

import threading
from contextvars import ContextVar

import pytest

from foundation.errors import NotFound
from foundation.together import each, together

TURN = ContextVar("TURN", default="")


def test_both_are_under_way_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    assert together(lambda: meeting.wait() in (0, 1), lambda: meeting.wait() in (0, 1)) == (True, True)


def test_the_first_one_s_error_is_raised_once_the_second_has_ended() -> None:
    ended = threading.Event()
    refused = threading.Event()

    def first() -> None:
        refused.set()
        raise NotFound("the first")

    def second() -> None:
        refused.wait(10)
        ended.set()
        raise NotFound("the second")

    with pytest.raises(NotFound, match="the first"):
        together(first, second)
    assert ended.is_set()


def test_the_second_one_s_error_is_raised_when_the_first_has_none() -> None:
    def second() -> None:
        raise NotFound("the second")

    with pytest.raises(NotFound, match="the second"):
        together(lambda: 1, second)


def test_what_is_known_of_the_request_is_known_to_both() -> None:
    TURN.set("mine")
    assert together(TURN.get, TURN.get) == ("mine", "mine")


def test_many_are_under_way_at_the_same_time_and_answer_in_their_order() -> None:
    meeting = threading.Barrier(8, timeout=10)

    def work(number: int) -> tuple[int, str]:
        meeting.wait()
        return number, TURN.get()

    TURN.set("mine")
    assert each(work, range(8)) == [(number, "mine") for number in range(8)]


def test_of_many_all_are_worked_on_whatever_some_raise() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number in (3, 5):
            raise NotFound(str(number))

    with pytest.raises(NotFound, match="3"):
        each(work, range(50))
    assert sorted(done) == list(range(50))
