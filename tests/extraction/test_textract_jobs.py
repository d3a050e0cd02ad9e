"""Jobs whose documents Textract reads: messages that come again until they are done, and no worker that waits."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from apps.extraction import services, work
from apps.extraction.adapters.textract import Textract
from apps.extraction.adapters.textract_turns import Ticket
from apps.extraction.ports import QUEUE
from apps.extraction.records import FileStatus
from foundation.adapters import directory, queues, records
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.ports import Limits
from tests.delivering import awaiting
from tests.extraction.delivering import lost, own_dead, worked, worker
from tests.extraction.documents import counts, file_of, started, stored
from tests.extraction.recorded import START, TRIES, content_of, engine_on, eye
from tests.faults.test_26_chunking_worker_killed import crosses, killed_at
from tests.servers.textract import TextractServer

DOCUMENTS = {"invoice.pdf": content_of("sample-invoice"), "two.pdf": content_of("multipage"), "form.pdf": content_of("form")}


@pytest.fixture
def engine(server: TextractServer, limits: Limits) -> Textract:
    return engine_on(server, limits)


def starts(server: TextractServer) -> int:
    return sum(name == START for name, _ in server.calls)


def test_a_job_of_several_files_comes_to_its_end(caller, server, engine):
    job = started(caller, {**DOCUMENTS, "plain.txt": b"as it is", "bad.png": b"no picture"})
    worked(engine, caller.application)
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 5, 4, 1)
    assert len(server.jobs) == 3
    invoice = file_of(caller, job, "invoice.pdf")
    (page,) = stored(invoice.text)["pages"]
    assert page["page_number"] == 1 and "<title>Invoice</title>" in page["page_text"]
    (tables,) = stored(invoice.tables)["pages"]
    assert len(tables["tables"]) == 3
    assert [page["page_number"] for page in stored(file_of(caller, job, "two.pdf").text)["pages"]] == [1, 2]
    reason = file_of(caller, job, "bad.png").reason
    assert reason is not None and "Textract cannot read its content" in reason


def test_a_message_that_is_not_done_is_sent_again_and_its_file_keeps_the_job(caller, server, engine):
    server.looks = 3
    job = started(caller, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    once = worker(engine, caller.application)
    tickets = []
    for _ in range(4):
        assert once() == 1
        file = file_of(caller, job, "invoice.pdf")
        assert file.status is FileStatus.PENDING and file.ticket is not None
        tickets.append(Ticket.read(file.ticket).job)
    assert len(set(tickets)) == 1
    assert once() == 1 and once() == 0
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)


def test_throttling_is_no_failed_attempt(caller, server, engine):
    job = started(caller, DOCUMENTS)
    server.refuse(START, *["LimitExceededException"] * TRIES)
    server.refuse("GetDocumentAnalysis", *["ProvisionedThroughputExceededException"] * TRIES)
    assert worked(engine, caller.application) == 3 * 3 + 2
    assert counts(caller, job) == ("COMPLETED", 3, 3, 0)
    assert not own_dead(caller.application)
    assert len(server.jobs) == 3


def test_others_wait_in_the_queue_while_every_place_is_taken(caller, server, tmp_path):
    server.looks = 2
    engine = engine_on(server, SqliteLimits(Database(tmp_path / "few.db", SCHEMA)), most=1)
    job = started(caller, DOCUMENTS)
    worked(engine, caller.application)
    assert counts(caller, job) == ("COMPLETED", 3, 3, 0)
    assert server.most_running == 1 and starts(server) == 3


def test_a_message_delivered_twice_and_to_many_workers_at_once_starts_one_job_and_counts_once(caller, server, engine):
    job = started(caller, DOCUMENTS)
    for name in DOCUMENTS:
        queues.send("extract_document", queue=QUEUE, application=caller.application, job=job, file=name)
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(lambda name: work.extract(caller.application, job, name, reader=engine), [*DOCUMENTS] * 4))
    assert starts(server) > 3
    worked(engine, caller.application)
    assert counts(caller, job) == ("COMPLETED", 3, 3, 0)
    assert len(server.jobs) == 3


def test_two_copies_of_one_message_are_one_chain_from_then_on(caller, server, engine):
    server.looks = 5
    job = started(caller, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    once = worker(engine, caller.application)
    assert once() == 1
    copy = (caller.application, job, "invoice.pdf", file_of(caller, job, "invoice.pdf").turn)
    work.extract(*copy, reader=engine)
    work.extract(*copy, reader=engine)
    work.extract(*copy[:3], 0, reader=engine)
    asked = len(server.calls)
    while once():
        asked += 1
        assert len(server.calls) == asked
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)


def test_a_copy_goes_on_when_the_next_message_never_came(caller, server, engine):
    job = started(caller, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    first = (caller.application, job, "invoice.pdf", 0)
    work.extract(*first, reader=engine)
    lost()  # all that there is, and it is lost, as if it had never been sent
    delayed, asked = awaiting(caller.application, QUEUE)[1], len(server.calls)
    work.extract(*first, reader=engine)
    assert len(server.calls) == asked and awaiting(caller.application, QUEUE)[1] == delayed + 1
    file = file_of(caller, job, "invoice.pdf")
    records.put(replace(file, updated=file.updated - work.OVERDUE))
    work.extract(*first, reader=engine)
    worked(engine, caller.application)
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_worker_killed_at_any_step_starts_no_second_job(caller, server, engine, asked):
    """Killed while it starts the job, while it asks for it, and while it keeps what the job found."""
    step, killed = 1, True
    while killed:
        server.jobs.clear()
        server.tokens.clear()
        job = started(caller, {"two.pdf": DOCUMENTS["two.pdf"]})
        ids = (caller.application, job, "two.pdf")
        for turn in range(asked):
            work.extract(*ids, turn, reader=engine)
        killed = killed_at(step, lambda ids=ids: work.extract(*ids, asked, reader=engine), crosses)
        for _ in range(4):
            work.extract(*ids, file_of(caller, job, "two.pdf").turn, reader=engine)
        assert counts(caller, job) == ("COMPLETED", 1, 1, 0)
        assert len(server.jobs) == 1
        step += 7
    assert step > 20
    worked(engine, caller.application)


def test_what_only_the_operator_can_mend_is_a_dead_letter_that_can_be_redriven(caller, server, engine):
    job = started(caller, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    server.refuse(START, "InvalidS3ObjectException")
    worked(engine, caller.application)
    file = file_of(caller, job, "invoice.pdf")
    assert file.status is FileStatus.FAILED and file.abandoned
    assert file.reason is not None and file.reason.endswith("ask its operator to look at the dead letters")
    (letter,) = own_dead(caller.application)
    assert "s3:GetObject" in letter.reason
    assert queues.redrive(QUEUE, letter.id) == 1
    worked(engine, caller.application)
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)


def test_a_file_that_is_read_in_part_says_what_is_missing(caller, server, engine):
    answer = {**eye(DOCUMENTS["invoice.pdf"]), "JobStatus": "PARTIAL_SUCCESS", "DocumentMetadata": {"Pages": 2}}
    server.eye = lambda _: {**answer, "Warnings": [{"ErrorCode": "InternalError", "Pages": [2]}]}
    job = started(caller, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    worked(engine, caller.application)
    file = file_of(caller, job, "invoice.pdf")
    assert file.status is FileStatus.COMPLETED
    assert file.reason == "Textract could not read these pages, which are empty: 2 (InternalError)."
    assert len(services.pages(caller.application, job, "invoice.pdf")) == 2


def test_no_job_is_started_for_a_deactivated_application(caller, server, engine):
    credentials = directory.create(caller.application, "to be shut")
    owner = type(caller)(caller.application, credentials.client)
    job = started(owner, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
    directory.set_active(credentials.client, False)
    worked(engine, caller.application)
    assert counts(owner, job) == ("FAILED", 1, 0, 1)
    assert not server.calls


def test_what_still_waits_for_its_turn_is_not_read_for_a_deactivated_application(caller, server, tmp_path):
    server.looks = 2
    engine = engine_on(server, SqliteLimits(Database(tmp_path / "few.db", SCHEMA)), most=1)
    credentials = directory.create(caller.application, "to be shut")
    owner = type(caller)(caller.application, credentials.client)
    job = started(owner, {"a.pdf": DOCUMENTS["invoice.pdf"], "b.pdf": DOCUMENTS["two.pdf"]})
    assert worker(engine, caller.application)() == 2
    directory.set_active(credentials.client, False)
    worked(engine, caller.application)
    assert counts(owner, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)
    assert len(server.jobs) == 1
