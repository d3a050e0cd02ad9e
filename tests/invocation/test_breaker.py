"""Circuits: when a deployment is left alone, who tries it, and when it is used again."""

from apps.invocation.breaker import ENOUGH, KEPT, STRIKES, WINDOW, Circuit, Circuits, State
from apps.invocation.records import Deployment
from foundation.settings import CHOSEN

PAUSE = CHOSEN.circuit_pause


def broken(moment: float = 0.0) -> Circuit:
    """A circuit that has just opened."""
    circuit = Circuit()
    for _ in range(STRIKES):
        assert circuit.admits(moment)
        circuit.failed(moment)
    return circuit


def test_it_opens_after_so_many_failures_one_after_another():
    circuit = broken()
    assert not circuit.admits(0.0)
    assert (circuit.state(0.0), circuit.ready(0.0)) == (State.OPEN, PAUSE)


def test_a_success_in_between_keeps_it_closed():
    circuit = Circuit()
    for _ in range(3):
        for _ in range(STRIKES - 1):
            circuit.failed(0.0)
        circuit.worked(0.0)
    assert circuit.admits(0.0) and circuit.state(0.0) is State.CLOSED


def test_it_opens_when_half_of_many_calls_fail():
    circuit = Circuit()
    for _ in range(ENOUGH // 2):
        circuit.worked(1.0)
        circuit.failed(1.0)
    assert not circuit.admits(1.0)


def test_failures_of_long_ago_do_not_count():
    circuit = Circuit()
    for turn in range(ENOUGH):
        circuit.worked(turn * WINDOW)
        circuit.failed(turn * WINDOW)
    assert circuit.admits(ENOUGH * WINDOW)


def test_after_its_pause_one_call_tries_it_and_the_others_wait():
    circuit = broken()
    assert circuit.admits(PAUSE)
    assert not circuit.admits(PAUSE) and circuit.state(PAUSE) is State.TRIED


def test_it_closes_when_the_call_that_tries_it_works():
    circuit = broken()
    assert circuit.admits(PAUSE)
    circuit.worked(PAUSE)
    assert circuit.admits(PAUSE) and circuit.admits(PAUSE) and circuit.state(PAUSE) is State.CLOSED


def test_a_stream_that_begins_lets_others_in():
    circuit = broken()
    assert circuit.admits(PAUSE)
    circuit.began()
    assert circuit.admits(PAUSE)


def test_each_pause_in_a_row_is_twice_as_long():
    circuit, moment, pauses = broken(), 0.0, []
    for _ in range(3):
        pauses.append(circuit.ready(moment))
        moment += circuit.ready(moment)
        assert circuit.admits(moment)
        circuit.failed(moment)
    assert pauses == [PAUSE, 2 * PAUSE, 4 * PAUSE]


def test_failures_of_calls_that_had_gone_there_before_make_no_pause_longer():
    circuit = broken()
    for _ in range(50):
        circuit.failed(0.5)
    assert circuit.ready(0.5) == PAUSE - 0.5


def test_a_call_that_ends_without_an_answer_lets_the_next_one_try():
    circuit = broken()
    assert circuit.admits(PAUSE)
    circuit.left()
    assert circuit.admits(PAUSE)


def test_a_call_that_never_ends_does_not_keep_it_open_for_ever():
    circuit = broken()
    assert circuit.admits(PAUSE)
    moment = PAUSE + circuit.ready(PAUSE)
    assert circuit.admits(moment)


def test_it_may_be_tried_before_its_pause_is_over_by_one_at_a_time():
    circuit = broken()
    assert circuit.try_early(0.0)
    assert not circuit.try_early(0.0)
    circuit.failed(0.0)
    assert circuit.try_early(0.0)


def test_who_tries_it_early_in_vain_makes_no_pause_longer():
    circuit = broken()
    for _ in range(10):
        assert circuit.try_early(0.5)
        circuit.failed(0.5)
    assert circuit.ready(0.5) == PAUSE - 0.5
    assert circuit.admits(PAUSE)
    circuit.failed(PAUSE)
    assert circuit.ready(PAUSE) == 2 * PAUSE


def test_one_that_asks_to_be_left_alone_is_until_then():
    circuit = Circuit()
    circuit.pause(10.0, 7.0)
    assert not circuit.admits(16.9) and circuit.state(16.9) is State.BUSY
    assert circuit.admits(17.0)


def test_models_at_one_place_share_a_circuit_and_others_do_not():
    circuits = Circuits()
    first = circuits.of(Deployment("a", "openai_compatible", "llama", "http://one/v1"))
    assert circuits.of(Deployment("b", "openai_compatible", "llama", "http://one/v1")) is first
    assert circuits.of(Deployment("a", "openai_compatible", "other", "http://one/v1")) is not first
    assert circuits.of(Deployment("a", "openai_compatible", "llama", "http://two/v1")) is not first
    assert [each.base_url for each in circuits.standing(0.0)] == ["http://one/v1", "http://one/v1", "http://two/v1"]


def test_no_more_of_them_are_kept_than_so_many():
    circuits = Circuits()
    for number in range(KEPT + 10):
        circuits.of(Deployment("a", "openai_compatible", str(number)))
    assert len(circuits.known) == KEPT
