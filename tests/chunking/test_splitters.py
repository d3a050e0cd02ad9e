"""Where text is cut, and that nothing of it is lost."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_text_splitters import CharacterTextSplitter, RecursiveCharacterTextSplitter

from apps.chunking.cuts import Sizes, Strategy
from apps.chunking.splitters import by_page, fixed, recursive, splitter_for
from apps.chunking.structured import by_key, by_line
from foundation.errors import Invalid

prose = st.text(alphabet="ab .\n\n\nÄ漢", max_size=300)
anything = st.text(max_size=200)
sizes = st.integers(2, 60).flatmap(lambda size: st.builds(Sizes, st.just(size), st.integers(0, size - 1)))


def texts(cuts):
    return [cut.text for cut in cuts]


@settings(max_examples=300, deadline=None)
@given(prose, sizes)
def test_fixed_size_cuts_where_the_field_s_splitter_cuts(text, chosen):
    reference = CharacterTextSplitter(chunk_size=chosen.size, chunk_overlap=chosen.overlap)
    assert texts(fixed(text, chosen)) == reference.split_text(text)


@settings(max_examples=300, deadline=None)
@given(prose, sizes)
def test_recursive_cuts_where_the_field_s_splitter_cuts(text, chosen):
    reference = RecursiveCharacterTextSplitter(chunk_size=chosen.size, chunk_overlap=chosen.overlap)
    assert texts(recursive(text, chosen)) == reference.split_text(text)


@settings(max_examples=300, deadline=None)
@given(anything, sizes)
def test_recursive_chunks_are_the_text_at_their_places_and_no_longer_than_the_size(text, chosen):
    for cut in recursive(text, chosen):
        assert cut.text == text[cut.start : cut.end] == cut.text.strip()
        assert 0 < len(cut.text) <= chosen.size


@settings(max_examples=300, deadline=None)
@given(anything, sizes)
def test_recursive_chunks_leave_out_nothing_but_white_space(text, chosen):
    covered = {place for cut in recursive(text, chosen) for place in range(cut.start, cut.end)}
    assert all(character.isspace() for place, character in enumerate(text) if place not in covered)


@settings(max_examples=300, deadline=None)
@given(prose, sizes)
def test_fixed_size_chunks_leave_out_nothing_but_white_space(text, chosen):
    cuts = list(fixed(text, chosen))
    covered = {place for cut in cuts for place in range(cut.start, cut.end)}
    assert all(character.isspace() for place, character in enumerate(text) if place not in covered)
    assert all(cut.text.split() == text[cut.start : cut.end].split() for cut in cuts)


@settings(max_examples=200, deadline=None)
@given(anything, sizes)
def test_neighbouring_recursive_chunks_share_at_most_the_overlap(text, chosen):
    cuts = list(recursive(text, chosen))
    for before, after in pairwise(cuts):
        assert before.end - after.start <= chosen.overlap
        assert before.start < after.end


def test_without_boundaries_neighbours_share_exactly_the_overlap():
    assert texts(recursive("abcdefghij", Sizes(4, 1))) == ["abcd", "defg", "ghij"]


def test_fixed_size_puts_paragraphs_together_up_to_the_size():
    assert texts(fixed("one\n\ntwo\n\nthree", Sizes(8))) == ["one\n\ntwo", "three"]


def test_a_paragraph_longer_than_the_size_stays_whole():
    long = "word " * 300
    assert texts(fixed(f"short\n\n{long}\n\nshort", Sizes(400, 100))) == ["short", long.strip(), "short"]


def test_runs_of_blank_lines_between_paragraphs_become_one():
    (cut,) = fixed("\n\none\n\n\n\n\n\ntwo\n\n", Sizes())
    assert (cut.text, cut.start, cut.end) == ("one\n\ntwo", 2, 14)


def test_a_page_is_one_chunk_as_it_is_even_empty():
    assert texts(by_page("  a\n\nb ", Sizes(2))) == ["  a\n\nb "]
    assert texts(by_page("", Sizes())) == [""]


@pytest.mark.parametrize(
    "sign",
    ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "e\u0301", "❤️", "न्", unicodedata.normalize("NFD", "각"), "\r\n"],
)
def test_a_sign_of_several_characters_is_never_cut(sign):
    for size in range(len(sign), 3 * len(sign)):
        cuts = texts(recursive("x" + sign * 40, Sizes(size)))
        assert "".join(cuts).replace("\n", "").replace("\r", "") == ("x" + sign * 40).replace("\n", "").replace("\r", "")
        assert all(len(cut) <= size for cut in cuts)
        assert all(cut.removeprefix("x").replace(sign, "").strip() == "" for cut in cuts)


@pytest.mark.parametrize("split", [fixed, recursive])
@pytest.mark.parametrize("unit", ["a ", "a\n\n", "  ", "\n\n", "🇩🇪"])
def test_an_overlap_that_multiplies_a_text_beyond_measure_is_refused_before_it_is_done(split, unit):
    text = unit * 200_000
    try:
        produced = sum(len(cut.text) for cut in split(text, Sizes(100_000, 99_999)))
    except Invalid as refused:
        assert "Choose a smaller chunk_overlap" in refused.detail
    else:
        assert produced <= 10 * len(text)


def test_a_sign_longer_than_the_size_is_cut_to_the_size():
    assert texts(recursive("a" + "\u0301" * 9, Sizes(4))) == ["a\u0301\u0301\u0301", "\u0301" * 4, "\u0301" * 2]


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        (500, 600, r"chunk_overlap \(600\) must be smaller than chunk_size \(500\)"),
        (500, 500, r"chunk_overlap \(500\) must be smaller than chunk_size \(500\)"),
        (0, 0, r"chunk_size \(0\) must be at least 1"),
        (10, -1, r"chunk_overlap \(-1\) must not be negative"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_by_name(size, overlap, message):
    with pytest.raises(Invalid, match=message):
        Sizes(size, overlap)


@pytest.mark.parametrize(
    ("name", "splitter"),
    [
        ("a.json", by_key),
        ("a.JSON", by_key),
        ("json", by_key),
        ("a.JsonL", by_line),
        ("a.json.txt", recursive),
        ("a.md", recursive),
    ],
)
def test_the_ending_of_a_name_decides_in_upper_and_lower_case(name, splitter):
    assert splitter_for(name, Strategy.RECURSIVE) is splitter
