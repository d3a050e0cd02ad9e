"""What every extraction engine promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.extraction.adapters.local import LocalEngine
from apps.extraction.names import Kind
from apps.extraction.ports import Engine
from apps.extraction.results import Unreadable
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from tests.extraction.pdfs import Sheet, pdf
from tests.extraction.recorded import content_of, document, engine_on, eye, finished, in_store, pages_of
from tests.servers.textract import textract

LETTER = pdf(Sheet().text(60, 80, "First page."), Sheet(), Sheet().text(60, 80, "Third page."))


@pytest.fixture(params=["local", "textract"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "local":
        yield LocalEngine()
        return
    with textract(in_store, eye) as server:
        yield engine_on(server, SqliteLimits(Database(tmp_path / "limits.db", SCHEMA)))


class TestEngine:
    """One document in, its pages out, or a reason for its owner."""

    def test_pages_are_numbered_from_one_without_a_gap(self, engine: Engine) -> None:
        pages = pages_of(engine, LETTER)
        assert [(page.number, page.text) for page in pages] == [(1, "First page."), (2, ""), (3, "Third page.")]

    def test_the_same_document_gives_the_same_pages(self, engine: Engine) -> None:
        assert pages_of(engine, LETTER) == pages_of(engine, LETTER)

    def test_a_repeat_of_the_beginning_or_of_the_rest_changes_nothing(self, engine: Engine) -> None:
        given = document(LETTER, Kind.PDF)
        first = finished(engine, given)
        assert finished(engine, given) == first

    @pytest.mark.parametrize("content", [b"", b"no document", LETTER[:200], pdf(Sheet(), encrypt=True), pdf(Sheet())])
    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TEXT])
    def test_what_cannot_be_read_is_refused_with_a_reason(self, engine: Engine, kind: Kind, content: bytes) -> None:
        with pytest.raises(Unreadable) as refused:
            pages_of(engine, content, kind)
        assert refused.value.reason.endswith(".")

    def test_tables_stand_in_the_text_and_beside_it_in_one_form(self, engine: Engine) -> None:
        (page,) = pages_of(engine, content_of("sample-invoice"))
        assert page.tables
        for table in page.tables:
            assert table in page.text
            assert table.startswith("<table>") and table.endswith("</table>")
        words = page.text.replace("\t", " ").replace("\n", " ")
        for told in ("DEMO - Sliced Invoices", "INV-3337", "January 25, 2016", "Web Design", "$93.50"):
            assert told in words

    def test_a_heading_is_marked_and_a_paragraph_is_not(self, engine: Engine) -> None:
        (page,) = pages_of(engine, content_of("sample-invoice"))
        assert "Invoice</" in page.text
        assert "<text>" not in page.text
