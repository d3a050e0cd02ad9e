"""Fault 27: an extraction message that comes twice, or to many workers at once, has one result."""

from concurrent.futures import ThreadPoolExecutor

from apps.extraction import services
from foundation.adapters import files
from tests.extraction.documents import counts, file_of, started
from tests.extraction.pdfs import Sheet, pdf

DOCUMENTS = {"a.pdf": pdf(Sheet().text(60, 80, "One page.")), "bad.txt": b"\xff", "good.txt": b"one"}


def test_27_a_message_delivered_to_many_workers_at_once_counts_once(caller):
    job = started(caller, DOCUMENTS)
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(lambda name: services.extract_document(caller.application, job, name), [*DOCUMENTS] * 6))
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 3, 2, 1)
    assert files.find(file_of(caller, job, "bad.txt").text) is None
