"""Documents whose pages come in very many answers: fetched in parts, each of which is kept until all are there."""

from collections import Counter
from dataclasses import replace

import pytest

from apps.extraction import services, work
from apps.extraction.adapters.textract import ANSWERS, ROUNDS, Textract
from apps.extraction.adapters.textract_turns import Ticket
from apps.extraction.names import Kind
from apps.extraction.ports import Document
from apps.extraction.records import FileStatus
from foundation.adapters import files
from foundation.identity import Caller
from foundation.ports import Limits
from tests.extraction.delivering import own_dead, worked, worker
from tests.extraction.documents import counts, file_of, started, stored
from tests.extraction.recorded import AT_ONCE, GET, TRIES, answer_of, content_of, engine_on, eye, in_store, pages_of
from tests.faults.test_26_chunking_worker_killed import crosses, killed_at
from tests.servers.textract import TextractServer, textract

NAME = "large.pdf"
BLOCKS = len(answer_of("multipage")["Blocks"])
PARTS = -(-BLOCKS // ANSWERS)  # with one block in an answer
FORGOTTEN = "InvalidParameterException"  # what a token is refused with


@pytest.fixture
def server(server: TextractServer) -> TextractServer:
    """One whose answers have one block each and are there at once."""
    server.page, server.looks = 1, 0
    return server


@pytest.fixture
def engine(server: TextractServer, limits: Limits) -> Textract:
    return engine_on(server, limits)


def large(caller: Caller) -> str:
    """A job of one large document."""
    return started(caller, {NAME: content_of("multipage")})


def until_part(engine: Textract, caller: Caller, job: str, part: int) -> None:
    """Work until so many parts are kept."""
    once = worker(engine, caller.application)
    while Ticket.read(file_of(caller, job, NAME).ticket).parts < part:
        assert once() == 1


def asked(server: TextractServer) -> Counter[str]:
    """How often each answer was asked for, by its token."""
    return Counter(parameters.get("NextToken", "") for name, parameters in server.calls if name == GET)


def check_whole(server: TextractServer, limits: Limits, caller: Caller, job: str) -> None:
    """The document was read as it is when all its blocks come in one answer."""
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)
    with textract(in_store, eye) as other:
        expected = pages_of(engine_on(other, limits), content_of("multipage"))
    assert services.pages(caller.application, job, NAME) == tuple(replace(page, tables=()) for page in expected)
    tables = stored(file_of(caller, job, NAME).tables)["pages"]
    assert [page["tables"] for page in tables] == [list(page.tables) for page in expected]


def test_a_large_document_is_fetched_a_hundred_answers_a_delivery_and_each_answer_once(caller, server, limits, engine):
    assert PARTS > 2
    job = large(caller)
    assert worked(engine, caller.application) == 1 + PARTS
    assert sum(asked(server).values()) == len(asked(server)) == BLOCKS
    assert len(server.jobs) == 1
    check_whole(server, limits, caller, job)


def test_what_a_delivery_has_fetched_frees_the_worker_for_others(caller, server, engine):
    job = large(caller)
    once = worker(engine, caller.application)
    for part in range(PARTS - 1):
        until_part(engine, caller, job, part + 1)
        assert sum(asked(server).values()) == (part + 1) * ANSWERS
        assert file_of(caller, job, NAME).status is FileStatus.PENDING
    assert once() == 1 and once() == 0
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)


@pytest.mark.parametrize("part", [0, 1, PARTS - 1])
def test_a_worker_killed_at_any_step_of_a_part_fetches_that_part_again_and_no_other(caller, server, limits, engine, part):
    step, killed = 1, True
    while killed:
        job = large(caller)
        until_part(engine, caller, job, part)
        work.extract(caller.application, job, NAME, 0, reader=engine)  # starts, where there is no part yet
        before = asked(server)
        ids = (caller.application, job, NAME)
        turn = file_of(caller, job, NAME).turn
        own = engine_on(server, limits)  # with connections of its own: those of this process are not for the one that is killed
        killed = killed_at(step, lambda ids=ids, turn=turn, own=own: work.extract(*ids, turn, reader=own), crosses)
        for _ in range(PARTS + 1):
            work.extract(*ids, file_of(caller, job, NAME).turn, reader=engine)
        check_whole(server, limits, caller, job)
        again = [token for token, times in asked(server).items() if token and times > before[token] + 1]
        assert len(again) <= ANSWERS and not any(before[token] for token in again)
        worked(engine, caller.application)
        step += 9
    assert step > 10
    assert len({job.request["ClientRequestToken"] for job in server.jobs.values()}) == len(server.jobs)


def test_one_of_two_copies_that_is_slower_changes_nothing(caller, server, limits, engine):
    job = large(caller)
    until_part(engine, caller, job, 1)
    file = file_of(caller, job, NAME)
    until_part(engine, caller, job, 2)
    engine.read(Document(file.file, Kind.PDF, file.document), file.ticket)
    worked(engine, caller.application)
    check_whole(server, limits, caller, job)


def test_where_there_is_no_room_for_too_long_the_part_is_fetched_again_from_its_beginning(caller, server, limits):
    engine = engine_on(server, limits, pace=replace(AT_ONCE, fetching=0))
    job = large(caller)
    until_part(engine, caller, job, 1)
    kept = file_of(caller, job, NAME).ticket
    server.refuse(GET, *[""] * 50, *["ThrottlingException"] * TRIES)
    assert worker(engine, caller.application)() == 1
    assert file_of(caller, job, NAME).ticket == kept
    worked(engine, caller.application)
    assert not own_dead(caller.application) and len(server.jobs) == 1
    assert sum(times > 1 for times in asked(server).values()) <= 51
    check_whole(server, limits, caller, job)


def test_a_token_that_is_refused_has_the_same_jobs_answers_fetched_anew(caller, server, limits, engine):
    job = large(caller)
    until_part(engine, caller, job, 2)
    server.refuse(GET, FORGOTTEN)
    worked(engine, caller.application)
    assert len(server.jobs) == 1
    assert sum(asked(server).values()) == 2 * ANSWERS + 1 + BLOCKS
    check_whole(server, limits, caller, job)


def test_tokens_that_are_always_refused_end_with_a_reason(caller, server, engine):
    job = large(caller)
    server.refuse(GET, *["", FORGOTTEN] * ROUNDS)
    worked(engine, caller.application)
    file = file_of(caller, job, NAME)
    assert file.status is FileStatus.FAILED and len(server.jobs) == 1
    assert file.reason is not None
    assert file.reason.startswith(f"Textract could not read the document {ROUNDS} times (fetching cannot go on")
    assert file.reason.endswith("Save it anew and upload it again.")


def test_results_that_textract_has_forgotten_in_the_middle_are_found_by_another_job(caller, server, limits, engine):
    job = large(caller)
    until_part(engine, caller, job, 2)
    server.forget()
    worked(engine, caller.application)
    assert [job.request["ClientRequestToken"][-2:] for job in server.jobs.values()] == ["-2"]
    check_whole(server, limits, caller, job)


def test_a_part_that_is_not_kept_any_more_has_all_fetched_anew(caller, server, limits, engine):
    job = large(caller)
    until_part(engine, caller, job, 2)
    files.delete(file_of(caller, job, NAME).document.replace("documents/", "parts/", 1) + "/1-0")
    worked(engine, caller.application)
    assert len(server.jobs) == 1
    check_whole(server, limits, caller, job)


def test_what_only_the_first_answer_says_is_missing_is_told(caller, server, engine):
    answer = {**eye(content_of("multipage")), "JobStatus": "PARTIAL_SUCCESS", "DocumentMetadata": {"Pages": 3}}
    server.eye = lambda _: {**answer, "Warnings": [{"ErrorCode": "InternalError", "Pages": [3]}]}
    job = large(caller)
    worked(engine, caller.application)
    file = file_of(caller, job, NAME)
    assert file.reason == "Textract could not read these pages, which are empty: 3 (InternalError)."
    assert len(services.pages(caller.application, job, NAME)) == 3
