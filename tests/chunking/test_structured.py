"""How JSON and JSON lines are cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_text_splitters import RecursiveJsonSplitter

from apps.chunking.cuts import Sizes
from apps.chunking.structured import by_key, by_line
from foundation.errors import Invalid

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=120) | st.lists(st.integers(), max_size=30)
values = st.recursive(leaves, lambda inner: st.dictionaries(st.text(max_size=20), inner, max_size=6), max_leaves=30)
objects = st.dictionaries(st.text(max_size=20), values, max_size=8)


def parts(value):
    return [json.loads(cut.text) for cut in by_key(json.dumps(value), Sizes())]


def paths(value, path=()):
    if isinstance(value, dict) and value:
        return {key: None for name, inner in value.items() for key in paths(inner, (*path, name))}
    return {(path, json.dumps(value)): None}


@settings(max_examples=60, deadline=None)
@given(objects)
def test_objects_are_cut_where_the_field_s_splitter_cuts(value):
    reference = RecursiveJsonSplitter(max_chunk_size=300, min_chunk_size=100)
    assert [cut.text for cut in by_key(json.dumps(value), Sizes())] == reference.split_text(json.loads(json.dumps(value)))


@settings(max_examples=60, deadline=None)
@given(objects)
def test_every_value_is_in_one_chunk_under_its_full_path(value):
    found = [path for part in parts(value) for path in paths(part)]
    assert found == ([] if not value else list(paths(value)))


@settings(max_examples=60, deadline=None)
@given(st.lists(values, max_size=30))
def test_a_top_level_array_is_cut_into_arrays_that_hold_all_of_it(value):
    cut = parts(value)
    assert all(isinstance(part, list) and part for part in cut)
    assert [path for part in cut for path in leaves_of(part)] == leaves_of(value)


def leaves_of(elements):
    return [path for element in elements for path in paths(element)]


def test_neighbouring_elements_share_a_chunk_of_at_most_the_target():
    cuts = [cut.text for cut in by_key(json.dumps([{"id": number} for number in range(100)]), Sizes())]
    assert all(200 < len(cut) <= 300 for cut in cuts[:-1])
    assert len(cuts[-1]) <= 300


@pytest.mark.parametrize(
    ("text", "expected"), [("7", ["7"]), ('"ä"', ['"\\u00e4"']), ("null", ["null"]), ("{}", []), ("[]", [])]
)
def test_scalars_are_one_chunk_and_nothing_is_none(text, expected):
    assert [cut.text for cut in by_key(text, Sizes())] == expected


def test_lists_and_long_values_stay_whole():
    assert parts({"list": list(range(300)), "text": "x" * 1000}) == [{"list": list(range(300))}, {"text": "x" * 1000}]


def test_a_byte_order_mark_is_not_content():
    assert [cut.text for cut in by_key('\ufeff{"a": 1}', Sizes())] == ['{"a": 1}']


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": ', "not valid JSON: .* line 1, column 7"),
        ("", "not valid JSON"),
        ('{"a":' * 101 + "1" + "}" * 101, "more than 100 levels"),
        ("[" * 100_000, "more than 100 levels"),
        ("9" * 5000, "too many digits"),
    ],
)
def test_what_cannot_be_cut_says_why(text, reason):
    with pytest.raises(Invalid, match=reason):
        list(by_key(text, Sizes()))


def test_lines_are_chunks_and_blank_ones_are_none():
    cuts = list(by_line('{"a":1}\r\n\n  \n {"b":2}\n', Sizes(2)))
    assert [(cut.text, cut.start, cut.end) for cut in cuts] == [('{"a":1}', 0, 7), (' {"b":2}', 13, 21)]
