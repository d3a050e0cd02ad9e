"""The engine on Textract, over the wire: jobs that are started once, asked for seldom, and fetched whole."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from apps.extraction.adapters.textract import ROUNDS
from apps.extraction.adapters.textract_turns import Pace, Ticket
from apps.extraction.names import Kind
from apps.extraction.ports import Document, Extracted, Full, Pending
from apps.extraction.results import Unreadable
from foundation.adapters import files
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.errors import Problem, Unavailable
from foundation.ports import Limits
from foundation.settings import read_settings
from tests.extraction.pdfs import Sheet, pdf
from tests.extraction.recorded import answer_of, content_of, document, engine_on, eye, finished, in_store, pages_of
from tests.servers.moto import BUCKET, KEY, REGION, Moto
from tests.servers.textract import TextractServer, textract

TRIES = 4  # of boto3, before it gives up
START, GET = "StartDocumentAnalysis", "GetDocumentAnalysis"


@pytest.fixture
def seen() -> dict[bytes, object]:
    """What the server answers for some documents."""
    return {}


@pytest.fixture
def server(seen) -> Iterator[TextractServer]:
    with textract(in_store, lambda content: seen.get(content) or eye(content)) as running:
        yield running


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    return SqliteLimits(Database(tmp_path / "limits.db", SCHEMA))


def counted(server: TextractServer) -> tuple[int, int]:
    """How many calls of each operation came through."""
    names = [name for name, _ in server.calls]
    return names.count(START), names.count(GET)


def invoice() -> Document:
    return document(content_of("sample-invoice"), Kind.PDF)


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


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("UnsupportedDocumentException", Kind.PDF, "By its name the file is a PDF; Textract cannot read its content as one."),
        ("BadDocumentException", Kind.TIFF, "it is damaged or encrypted. Save it anew"),
        ("DocumentTooLargeException", Kind.PDF, "at most 500 MB and 3,000 pages. Split it."),
        ("DocumentTooLargeException", Kind.PNG, "at most 10 MB and 10,000 pixels a side. Make it smaller."),
    ],
)
def test_what_is_wrong_with_a_document_is_told_to_its_owner_and_frees_the_place(server, limits, code, kind, told):
    server.refuse(START, code)
    engine = engine_on(server, limits, most=1)
    with pytest.raises(Unreadable) as refused:
        engine.read(document(content_of("sample-invoice"), kind))
    assert told in refused.value.reason
    assert Ticket.read(engine.read(invoice()).ticket).job


@pytest.mark.parametrize(
    "message", ["UNSUPPORTED_DOCUMENT", "INVALID_IMAGE_TYPE", "BadDocumentException", "DOCUMENT_TOO_LARGE"]
)
def test_a_job_that_fails_by_its_document_says_what_to_do(server, limits, seen, message):
    seen[b"%PDF-1.7 bad"] = {"JobStatus": "FAILED", "StatusMessage": message}
    with pytest.raises(Unreadable, match=r"(Split it|upload it again)\.$"):
        pages_of(engine_on(server, limits), b"%PDF-1.7 bad")
    assert len(server.jobs) == 1


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


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("InvalidS3ObjectException", "s3:GetObject"),
        ("InvalidKMSKeyException", "kms:Decrypt"),
        ("InvalidParameterException", "wrong way"),
        ("AccessDeniedException", "AccessDenied"),
    ],
)
def test_what_only_the_operator_can_mend_is_not_tried_again_and_is_no_fault_of_the_document(server, limits, code, told):
    server.refuse(START, code)
    with pytest.raises(Problem, match=told) as refused:
        engine_on(server, limits).read(invoice())
    assert not refused.value.retryable


def test_a_document_that_textract_cannot_find_is_the_operators_matter(server, limits):
    given = invoice()
    files.delete(given.path)
    with pytest.raises(Problem, match="may not fetch the document from the bucket"):
        engine_on(server, limits).read(given)


def test_a_server_that_breaks_down_is_unavailable(server, limits):
    server.refuse(START, *["InternalServerError"] * TRIES)
    with pytest.raises(Unavailable):
        engine_on(server, limits).read(invoice())


def test_a_document_without_text_is_refused_as_every_engine_refuses_it(server, limits):
    with pytest.raises(Unreadable, match="No text was found"):
        pages_of(engine_on(server, limits), pdf(Sheet(), Sheet()))


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


def test_the_server_refuses_what_textract_refuses(server):
    def client(secret: str):
        return boto3.session.Session(KEY, secret).client("textract", region_name=REGION, endpoint_url=server.url)

    place = {"S3Object": {"Bucket": BUCKET, "Name": "documents/none"}}
    good, wrong = client("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), client("another")
    for code, ask in {
        "InvalidSignatureException": lambda: wrong.get_document_analysis(JobId="a"),
        "InvalidJobIdException": lambda: good.get_document_analysis(JobId="a"),
        "InvalidS3ObjectException": lambda: good.start_document_analysis(DocumentLocation=place, FeatureTypes=["LAYOUT"]),
        "InvalidParameterException": lambda: good.start_document_analysis(DocumentLocation=place, FeatureTypes=["WORDS"]),
        "UnknownOperationException": good.list_adapters,
    }.items():
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["Error"]["Code"] == code


def test_the_engine_follows_the_platform_and_can_be_chosen(tmp_path):
    assert read_settings({"FOUNDATION_HOME": str(tmp_path)}).extraction_engine == "local"
    assert Moto("").settings().extraction_engine == "textract"
    assert Moto("").settings(EXTRACTION_ENGINE="local").extraction_engine == "local"
    with pytest.raises(ValueError, match="EXTRACTION_ENGINE is 'textract'; it must be local unless PLATFORM is aws"):
        read_settings({"FOUNDATION_HOME": str(tmp_path), "EXTRACTION_ENGINE": "textract"})
