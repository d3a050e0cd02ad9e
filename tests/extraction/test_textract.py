"""The engine on Textract, over the wire: jobs that are started once, asked for until they are done, and fetched whole."""

import pytest

from apps.extraction.adapters.textract import ROUNDS
from apps.extraction.adapters.textract_turns import Ticket
from apps.extraction.names import Kind
from apps.extraction.ports import Extracted, Pending
from apps.extraction.results import Unreadable
from foundation.settings import read_settings
from tests.extraction.recorded import (
    GET,
    START,
    answer_of,
    content_of,
    counted,
    document,
    engine_on,
    finished,
    invoice,
    pages_of,
)
from tests.servers.moto import BUCKET, Moto


def test_a_job_asks_for_layout_tables_and_forms_of_the_file_in_the_bucket(server, limits):
    given = invoice()
    finished(engine_on(server, limits), given)
    (_, started), *asked = server.calls
    assert started == {
        "DocumentLocation": {"S3Object": {"Bucket": BUCKET, "Name": given.path}},
        "FeatureTypes": ["LAYOUT", "TABLES", "FORMS"],
        "ClientRequestToken": f"{given.id}-1",
    }
    (job,) = server.jobs
    assert [(name, parameters) for name, parameters in asked] == [(GET, {"JobId": job, "MaxResults": 1000})] * 2


def test_no_call_waits_for_a_job(server, limits):
    server.looks = 3
    engine, given = engine_on(server, limits), invoice()
    told = engine.read(given)
    for _ in range(3):
        assert isinstance(told, Pending) and told.ticket is not None
        told = engine.read(given, told.ticket)
    assert isinstance(told, Pending)
    assert isinstance(engine.read(given, told.ticket), Extracted)
    assert counted(server) == (1, 4)


def test_a_start_that_is_repeated_starts_one_job(server, limits):
    engine, given = engine_on(server, limits), invoice()
    first, second = engine.read(given), engine.read(given)
    assert Ticket.read(first.ticket).job == Ticket.read(second.ticket).job
    assert len(server.jobs) == 1 and counted(server)[0] == 2


def test_an_answer_in_many_parts_is_fetched_whole(server, limits):
    whole = finished(engine_on(server, limits), invoice())
    server.page = 7
    assert finished(engine_on(server, limits), invoice()) == whole
    assert counted(server)[1] > len(answer_of("sample-invoice")["Blocks"]) / 7


def test_pages_that_two_answers_share_are_whole(server, limits):
    server.page = 100
    first, second = pages_of(engine_on(server, limits), content_of("multipage"))
    assert [page.number for page in (first, second)] == [1, 2]
    assert len(first.tables) == len(second.tables) == 1


def test_a_job_that_fails_for_no_reason_of_its_document_is_started_anew_a_few_times(server, limits, seen):
    seen[b"%PDF-1.7 bad"] = answer_of("failed")
    with pytest.raises(Unreadable, match=r"could not read the document 3 times \(Dummy Status Message"):
        pages_of(engine_on(server, limits), b"%PDF-1.7 bad")
    tokens = [job.request["ClientRequestToken"] for job in server.jobs.values()]
    assert [token[-2:] for token in tokens] == ["-1", "-2", "-3"] and len(tokens) == ROUNDS


def test_a_job_whose_results_are_forgotten_is_started_anew(server, limits):
    engine, given = engine_on(server, limits), invoice()
    begun = engine.read(given)
    server.forget()
    assert finished(engine, given, begun.ticket).pages == pages_of(engine, content_of("sample-invoice"))
    assert f"{given.id}-2" in server.tokens


def test_a_token_that_was_used_for_another_document_is_not_used_again(server, limits):
    engine, given = engine_on(server, limits), invoice()
    server.refuse(START, "IdempotentParameterMismatchException")
    assert finished(engine, given).pages
    tokens = [asked["ClientRequestToken"] for name, asked in server.calls if name == START]
    assert tokens == [f"{given.id}-1", f"{given.id}-2"]


def test_a_job_that_runs_for_more_than_a_day_is_started_anew(server, limits):
    server.looks = 10**6
    engine, given = engine_on(server, limits), invoice()
    begun = Ticket.read(engine.read(given).ticket)
    yesterday = Ticket(begun.round, begun.begun - 25 * 3600, begun.job)
    told = engine.read(given, yesterday.text)
    assert Ticket.read(told.ticket) == Ticket(2)


def test_pages_that_textract_could_not_read_are_named_and_empty(server, limits, seen):
    blocks = [each for each in answer_of("multipage")["Blocks"] if each["Page"] == 1]
    seen[b"%PDF-1.7 part"] = {
        "JobStatus": "PARTIAL_SUCCESS",
        "DocumentMetadata": {"Pages": 3},
        "Warnings": [{"ErrorCode": "InternalError", "Pages": [2]}, {"Pages": [3]}],
        "Blocks": blocks,
    }
    told = finished(engine_on(server, limits), document(b"%PDF-1.7 part", Kind.PDF))
    assert [(page.number, bool(page.text)) for page in told.pages] == [(1, True), (2, False), (3, False)]
    assert told.remark == "Textract could not read these pages, which are empty: 2 (InternalError), 3."


def test_the_engine_follows_the_platform_and_can_be_chosen(tmp_path):
    assert read_settings({"FOUNDATION_HOME": str(tmp_path)}).extraction_engine == "local"
    assert Moto("").settings().extraction_engine == "textract"
    assert Moto("").settings(EXTRACTION_ENGINE="local").extraction_engine == "local"
    with pytest.raises(ValueError, match="EXTRACTION_ENGINE is 'textract'; it must be local unless PLATFORM is aws"):
        read_settings({"FOUNDATION_HOME": str(tmp_path), "EXTRACTION_ENGINE": "textract"})
