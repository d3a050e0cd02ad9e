"""What requests may ask of DynamoDB, and what docs/scale.md says that they do."""

import pytest

from tests.contract.document import rows
from tests.scale.measuring import ELSEWHERE, Note, cost, endpoints, kept, measured, messages, verbs
from tests.scale.page import MOST, long_ones, present, section

OTHERS = ("/admin/docs", "{rest}", *ELSEWHERE)  # a page, and what is passed on to other endpoints


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Note, ...]:
    return measured(tmp_path_factory.mktemp("scale"))


def test_every_endpoint_of_the_contract_was_measured(notes: tuple[Note, ...]) -> None:
    wanted = {f"{row.method} {row.path}" for row in rows() if not any(part in row.path for part in OTHERS)}
    assert wanted <= endpoints(notes).keys()


def test_nothing_scans(notes: tuple[Note, ...]) -> None:
    known = {"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
    assert {"GetItem", "Query", "PutItem", "TransactWriteItems"} <= verbs(notes) <= known


def test_a_request_takes_at_most_two_round_trips(notes: tuple[Note, ...]) -> None:
    assert long_ones(endpoints(notes)) == []


def test_a_request_that_is_refused_takes_no_more(notes: tuple[Note, ...]) -> None:
    refused = [note for note in notes if note.kind == "request" and 400 <= note.status < 500]
    assert len(refused) >= 16
    assert [(note.name, note.status) for note in refused if cost(note.own).trips > MOST] == []


def test_with_what_is_kept_in_memory_a_call_of_a_model_asks_for_nothing(notes: tuple[Note, ...]) -> None:
    calls = [note for note in notes if note.name in ("POST /model/invoke", "POST /v1/chat/completions", "POST /v1/messages")]
    assert len(calls) >= 4
    assert not any(note.own for note in calls)
    assert all(cost(note.calls).trips <= MOST for note in calls)


def test_the_page_says_what_was_measured(notes: tuple[Note, ...]) -> None:
    assert kept(notes) and messages(notes)
    assert present() == section(notes), "run `python -m tests.scale` and look at what changed"
