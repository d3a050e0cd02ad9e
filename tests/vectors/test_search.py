"""What a search finds in real documents, by the real model."""

import pytest

from apps.vectors import services
from apps.vectors.records import VectorIndex
from apps.vectors.services import Filter, Mode
from foundation.errors import Invalid, NotFound
from foundation.identity import Caller
from tests.vectors.indexes import chunked, chunked_pages, finished, found, new_index

PASSAGES = (
    "Water boils at a lower temperature in the mountains because the air pressure is lower there.",
    "The cat slept on the windowsill for the whole afternoon.",
    "Our company pays invoices within thirty days\nof receiving them.",
    "Replace the seal with part XK-4711 before the pump is started again.",
    "Replace the seal with a part from the usual supplier when the pump is worn.",
    "The parliament passed a law that lowers the tax on electric cars.",
    "Photosynthesis turns light, water and carbon dioxide into sugar.",
)


@pytest.fixture
def index(caller: Caller) -> VectorIndex:
    made = new_index(caller)
    finished(caller, chunked_pages(caller, "facts.txt", PASSAGES), made)
    return made


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Why does cooking take longer at high altitude?", 0),
        ("Where was the kitten napping?", 1),
        ("When will I get my money after sending a bill?", 2),
        ("How do plants make food?", 6),
        ("cheaper vehicles through politics", 5),
    ],
)
def test_the_passage_that_means_the_same_is_first(
    caller: Caller, index: VectorIndex, mode: str, question: str, answer: int
) -> None:
    assert found(caller, index, question, mode)[0] == PASSAGES[answer]


@pytest.mark.parametrize("mode", ["hybrid", "text"])
def test_a_rare_exact_word_is_first(caller: Caller, index: VectorIndex, mode: str) -> None:
    assert found(caller, index, "XK-4711", mode)[0] == PASSAGES[3]


def test_a_passage_keeps_its_newlines_and_says_where_it_comes_from(caller: Caller, index: VectorIndex) -> None:
    best = services.search(caller, index.index, "When are invoices paid?")[0]
    assert best.row.text == PASSAGES[2]
    assert (best.row.source.file, best.row.page, best.row.number) == ("facts.txt", 3, 3)


def test_newlines_in_the_query_change_nothing(caller: Caller, index: VectorIndex) -> None:
    spaced = services.search(caller, index.index, "when are invoices paid", mode=Mode.VECTOR)
    assert services.search(caller, index.index, "when are\ninvoices\r\npaid", mode=Mode.VECTOR) == spaced


def test_four_are_found_unless_more_or_fewer_are_asked_for_and_scores_fall(caller: Caller, index: VectorIndex) -> None:
    for mode in Mode:
        hits = services.search(caller, index.index, "the water in the pump of the company", mode=mode)
        assert len(hits) <= 4
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(found(caller, index, "pump")) == 4
    assert len(found(caller, index, "pump", limit=1)) == 1
    assert len(found(caller, index, "pump", "vector", limit=100)) == len(PASSAGES)


def test_a_filter_keeps_other_files_and_jobs_out(caller: Caller, index: VectorIndex) -> None:
    other = chunked(caller, {"pets.txt": "A cat is a small animal that sleeps a lot."})
    finished(caller, other, index)
    for only in (Filter(file="pets.txt"), Filter(chunking_job=other), Filter("pets.txt", other)):
        hits = services.search(caller, index.index, "sleeping cat", limit=10, only=only)
        assert [hit.row.source.file for hit in hits] == ["pets.txt"]
    assert services.search(caller, index.index, "cat", only=Filter(file="none.txt")) == []


def test_an_empty_index_finds_nothing(caller: Caller) -> None:
    assert found(caller, new_index(caller), "anything") == []


@pytest.mark.parametrize("query", ["", " ", "\n\t"])
def test_a_query_without_a_word_is_refused(caller: Caller, index: VectorIndex, query: str) -> None:
    with pytest.raises(Invalid, match="query"):
        services.search(caller, index.index, query)


@pytest.mark.parametrize("query", ["the", "?!", "北京", "a" * 10_000, "' OR 1=1 --", "{{7*7}}"])
def test_any_other_query_is_answered(caller: Caller, index: VectorIndex, query: str) -> None:
    assert len(found(caller, index, query)) == 4


def test_another_applications_index_is_as_absent_as_none(caller: Caller, stranger: Caller, index: VectorIndex) -> None:
    texts = set()
    for identifier in (index.index, "00000000-0000-4000-8000-000000000000", "../../etc", "x" * 5000, ""):
        with pytest.raises(NotFound) as refused:
            services.search(stranger, identifier, "cat")
        texts.add(str(refused.value))
    assert texts == {"Index not found"}
