"""How many documents Textract is given at once, how often it is asked for them, and what is done when it throttles."""

import pytest

from apps.extraction.adapters.textract_turns import Pace, Ticket
from apps.extraction.ports import Extracted, Full, Pending
from tests.extraction.recorded import GET, START, TRIES, content_of, counted, engine_on, finished, invoice, pages_of


@pytest.mark.parametrize("code", ["LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_start_that_is_throttled_tries_again_and_keeps_its_place_so_that_no_other_tries_beside_it(server, limits, code):
    server.refuse(START, *[code] * TRIES)
    engine, given = engine_on(server, limits, most=1), invoice()
    told = engine.read(given)
    assert isinstance(told, Pending) and told.ticket is None and not server.jobs
    assert engine.read(invoice()) == Full() and counted(server) == (TRIES, 0)
    assert engine.read(given).ticket and len(server.jobs) == 1


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_question_that_is_throttled_is_asked_again_with_the_same_ticket(server, limits, code):
    engine, given = engine_on(server, limits), invoice()
    begun = engine.read(given)
    server.refuse(GET, *[code] * TRIES)
    told = engine.read(given, begun.ticket)
    assert isinstance(told, Pending) and told.ticket == begun.ticket
    assert finished(engine, given, told.ticket).pages


def test_what_is_throttled_in_the_middle_of_fetching_goes_on_there(server, limits):
    server.page, server.looks = 50, 0
    engine, given = engine_on(server, limits), invoice()
    begun = engine.read(given)
    server.refuse(GET, "", "", *["ThrottlingException"] * (2 * TRIES))
    told = engine.read(given, begun.ticket)
    assert isinstance(told, Extracted) and told.pages == pages_of(engine, content_of("sample-invoice"))
    assert len(server.jobs) == 2


def test_not_more_jobs_run_at_once_than_there_are_places(server, limits):
    server.looks = 2
    engine, given = engine_on(server, limits, most=2), [invoice() for _ in range(5)]
    tickets: dict[str, str | None] = {each.id: None for each in given}
    while tickets:
        for each in given:
            if each.id in tickets:
                told = engine.read(each, tickets[each.id])
                if isinstance(told, Extracted):
                    del tickets[each.id]
                elif isinstance(told, Pending):
                    tickets[each.id] = told.ticket
    assert server.most_running == 2 and len(server.jobs) == 5


def test_a_place_is_held_by_every_process_together_and_once_for_a_document(server, limits):
    server.looks = 5
    one, other, given = engine_on(server, limits, most=1), engine_on(server, limits, most=1), invoice()
    begun = one.read(given)
    assert Ticket.read(other.read(given).ticket).job == Ticket.read(begun.ticket).job
    assert other.read(invoice()) == Full()
    finished(one, given, begun.ticket)
    assert Ticket.read(other.read(invoice()).ticket).job


def test_what_has_taken_long_is_asked_for_seldom_and_not_with_the_others():
    pace = Pace()
    assert all(3 <= pace.look(waited) <= 7 for waited in (0, 5, 10))
    assert all(90 <= pace.look(waited) <= 150 for waited in (240, 10**6))
    assert len({pace.look(10**6) for _ in range(50)}) > 10


def test_those_that_textract_throttles_try_ten_times_a_second_all_together():
    pace = Pace()
    for placed in (100, 1_000, 7_000):
        pauses = [pace.turn(placed) for _ in range(2_000)]
        assert placed / (sum(pauses) / len(pauses)) == pytest.approx(pace.tries, rel=0.05)
    assert all(540 <= pace.turn(10**7) <= 900 for _ in range(100))
    assert all(3 <= pace.turn(placed) <= 7 for placed in (0, 1, 40))


def test_a_document_is_admitted_while_there_is_a_place_which_is_kept_for_it_until_it_leaves(server, limits):
    server.looks = 5
    engine, first, second = engine_on(server, limits, most=1), invoice(), invoice()
    assert engine.admits(first.id) and engine.admits(first.id)
    assert not engine.admits(second.id) and engine.read(second) == Full()
    assert engine.read(first).ticket
    assert not engine.admits(second.id)
    engine.leave(first.id)
    engine.leave(first.id)
    assert engine.admits(second.id) and engine.read(second).ticket
