"""What Textract refuses: by a document's fault, which its owner is told, or by one that only an operator can mend."""

import boto3
import pytest
from botocore.exceptions import ClientError

from apps.extraction.adapters.textract_turns import Ticket
from apps.extraction.names import Kind
from apps.extraction.results import Unreadable
from foundation.adapters import files
from foundation.errors import Problem, Unavailable
from tests.extraction.pdfs import Sheet, pdf
from tests.extraction.recorded import START, TRIES, content_of, document, engine_on, invoice, pages_of
from tests.servers.moto import BUCKET, KEY, REGION


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
