"""What every extraction engine promises."""

from io import BytesIO

import pytest

from apps.extraction.adapters.local import LocalEngine
from apps.extraction.names import Kind
from apps.extraction.ports import Engine
from apps.extraction.results import Unreadable
from tests.extraction.pdfs import Sheet, pdf

LETTER = pdf(Sheet().text(60, 80, "First page."), Sheet(), Sheet().text(60, 80, "Third page."))
ENGINES = {"local": LocalEngine}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]()


class TestEngine:
    """One document in, its pages out, or a reason for its owner."""

    def test_pages_are_numbered_from_one_without_a_gap(self, engine: Engine) -> None:
        pages = engine.extract(BytesIO(LETTER), Kind.PDF)
        assert [(page.number, page.text) for page in pages] == [(1, "First page."), (2, ""), (3, "Third page.")]

    def test_the_same_document_gives_the_same_pages(self, engine: Engine) -> None:
        assert engine.extract(BytesIO(LETTER), Kind.PDF) == engine.extract(BytesIO(LETTER), Kind.PDF)

    @pytest.mark.parametrize("content", [b"", b"no document", LETTER[:200], pdf(Sheet(), encrypt=True), pdf(Sheet())])
    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TEXT])
    def test_what_cannot_be_read_is_refused_with_a_reason(self, engine: Engine, kind: Kind, content: bytes) -> None:
        with pytest.raises(Unreadable) as refused:
            engine.extract(BytesIO(content), kind)
        assert refused.value.reason.endswith(".")
