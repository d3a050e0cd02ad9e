"""What every store of records promises."""

import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foundation.adapters.aws.records import DynamoRecords
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.errors import Conflict, Invalid, NotFound, TooLarge
from foundation.records import ANY, Page, Records, key_of, update
from tests.conformance.processes import at_once, kill, outputs, python
from tests.conformance.shapes import BookPage, Color, Event, Guest, Moment, Note, Parcel, ReadPage, Ticket
from tests.running import wait_for

LETTERS = bytes(33 + number % 94 for number in range(256))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OPENED = """
from pathlib import Path
from dataclasses import replace
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.records import update
from foundation.errors import Conflict
from tests.conformance.shapes import Note
records = SqliteRecords(Database(Path(sys.argv[1]), SCHEMA))
"""


def embedded(place: Path) -> SqliteRecords:
    return SqliteRecords(Database(place / "records.db", SCHEMA))


def on_this_machine(request: pytest.FixtureRequest) -> Callable[[], Records]:
    return partial(embedded, request.getfixturevalue("tmp_path"))


def in_dynamo(request: pytest.FixtureRequest) -> Callable[[], Records]:
    return partial(DynamoRecords, request.getfixturevalue("dynamo").client, request.getfixturevalue("tables"))


STORES: dict[str, Callable[[pytest.FixtureRequest], Callable[[], Records]]] = {"embedded": on_this_machine, "aws": in_dynamo}


@pytest.fixture
def again(request: pytest.FixtureRequest) -> Callable[[], Records]:
    """Opens the same store a second time."""
    return STORES[request.node.callspec.params["records"]](request)


@pytest.fixture
def records(again: Callable[[], Records], request: pytest.FixtureRequest) -> Records:
    return again()


def noise(size: int) -> str:
    """A text that no compression makes much shorter."""
    return random.Random(size).randbytes(size).translate(LETTERS).decode()


def names(page: Page[Note]) -> list[str]:
    return [note.name for note in page.items]


def whole(records: Records, kind: Any, *prefix: Any, **how: Any) -> list[Any]:
    """All items of a query, page by page."""
    found: list[Any] = []
    cursor = None
    while True:
        page = records.query(kind, *prefix, cursor=cursor, **how)
        found += page.items
        if (cursor := page.cursor) is None:
            return found


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestPut:
    def test_a_record_comes_back_as_it_was_put(self, records: Records) -> None:
        note = Note("a", "n", NOON, "t", 7, Color.BLUE, 2**53, 0.1)
        stored = records.put(note)
        assert stored == replace(note, revision=1)
        assert records.get(Note, "a", "n") == stored

    def test_text_of_every_script_comes_back_as_it_was(self, records: Records) -> None:
        text = "žluťoučký 你好 👩‍👩‍👧 ' \" \\ % _ \U0010ffff"
        records.put(Note("a", text, topic=text))
        assert records.get(Note, "a", text) == Note("a", text, topic=text, revision=1)
        assert names(records.query(Note, "a")) == [text]
        assert names(records.query(Note, "a", text, index="by_topic")) == [text]

    @pytest.mark.parametrize(
        "parcel",
        [
            Parcel("a", ""),
            Parcel("a", "n", "", 0, 0.0, {"a": ""}, ("",), sizes=(None,)),
            Parcel("a", "n", "\x00\n" * 5000, -1, -1e-9, {"ž": "x" * 9999}, ("x", "ž" * 3000), True, (1, 2.5, None)),
            Parcel("a", "n", whole=10**37, broken=1.7976931348623157e100),
            Parcel("a", "n", whole=-(2**63), broken=0.1 + 0.2),
        ],
    )
    def test_values_of_every_kind_come_back_as_they_were(self, records: Records, parcel: Parcel) -> None:
        stored = records.put(parcel)
        assert records.get(Parcel, parcel.owner, parcel.parcel) == stored == replace(parcel, revision=1)
        assert records.query(Parcel, "a").items == (stored,)

    def test_any_store_takes_400_kb_and_a_larger_one_is_kept_whole_or_refused(self, records: Records) -> None:
        text = noise(400_000)
        records.put(Parcel("a", "n", text))
        assert records.get(Parcel, "a", "n") == Parcel("a", "n", text, revision=1)
        larger = Parcel("a", "larger", noise(1_000_000))
        with suppress(TooLarge):
            larger = records.put(larger)
        assert records.get(Parcel, "a", "larger") == (larger if larger.revision else None)

    @pytest.mark.parametrize("size", [900, 5000])
    def test_any_store_takes_ids_of_900_bytes_and_longer_ones_are_kept_or_refused(self, records: Records, size: int) -> None:
        for note in (Note("n" * size, "n", NOON, "t"), Note("a", "n" * size, NOON, "t")):
            try:
                stored = records.put(note)
            except Invalid:
                assert size > 900
            else:
                assert records.get(Note, note.owner, note.name) == stored

    def test_what_is_not_there_is_none(self, records: Records) -> None:
        assert records.get(Note, "a", "nothing") is None

    def test_each_put_raises_the_revision_by_one(self, records: Records) -> None:
        first = records.put(Note("a", "n"))
        assert records.put(replace(first, rank=1)).revision == 2

    def test_a_new_record_over_an_old_one_is_refused(self, records: Records) -> None:
        stored = records.put(Note("a", "n", rank=1))
        with pytest.raises(Conflict):
            records.put(Note("a", "n", rank=2))
        assert records.get(Note, "a", "n") == stored

    def test_a_stale_put_is_refused_and_loses_nothing(self, records: Records) -> None:
        old = records.put(Note("a", "n"))
        new = records.put(replace(old, rank=1))
        with pytest.raises(Conflict):
            records.put(replace(old, rank=2))
        assert records.get(Note, "a", "n") == new

    def test_a_change_of_what_was_deleted_is_refused(self, records: Records) -> None:
        stored = records.put(Note("a", "n"))
        records.delete(Note, "a", "n")
        with pytest.raises(Conflict):
            records.put(replace(stored, rank=1))
        assert records.get(Note, "a", "n") is None

    def test_expect_takes_the_place_of_the_records_own_revision(self, records: Records) -> None:
        records.put(Note("a", "n"))
        assert records.put(Note("a", "n", rank=1), expect=1).revision == 2
        with pytest.raises(Conflict):
            records.put(Note("a", "n", rank=2), expect=1)
        with pytest.raises(Conflict):
            records.put(Note("a", "n", rank=2, revision=2), expect=0)

    def test_any_overwrites_whatever_is_there(self, records: Records) -> None:
        assert records.put(Note("a", "n"), expect=ANY).revision == 1
        assert records.put(Note("a", "n", rank=5), expect=ANY).revision == 2
        assert records.get(Note, "a", "n") == Note("a", "n", rank=5, revision=2)

    def test_a_change_moves_a_record_inside_its_indexes(self, records: Records) -> None:
        stored = records.put(Note("a", "n", topic="old"))
        records.put(replace(stored, topic="new"))
        assert names(records.query(Note, "a", "old", index="by_topic")) == []
        assert names(records.query(Note, "a", "new", index="by_topic")) == ["n"]

    @pytest.mark.parametrize("name", ["a\x1fb", "a\x00b", "line\nbreak", "\x7f", "\u202eb", "\ud800"])
    def test_a_key_with_control_characters_is_refused(self, records: Records, name: str) -> None:
        with pytest.raises(Invalid):
            records.put(Note("a", name))
        with pytest.raises(Invalid):
            records.get(Note, "a", name)

    def test_of_many_that_create_at_once_one_succeeds(self, records: Records) -> None:
        def create(number: int) -> bool:
            try:
                records.put(Note("a", "n", rank=number))
            except Conflict:
                return False
            return True

        assert at_once(16, create).count(True) == 1


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestDelete:
    def test_it_is_gone_from_everywhere(self, records: Records) -> None:
        records.put(Note("a", "n", NOON, "t"))
        assert records.delete(Note, "a", "n") is True
        assert records.get(Note, "a", "n") is None
        assert names(records.query(Note, "a")) == names(records.query(Note, "a", index="by_written")) == []

    def test_what_is_not_there_is_false(self, records: Records) -> None:
        assert records.delete(Note, "a", "n") is False

    def test_nothing_else_is_touched(self, records: Records) -> None:
        for owner, name in (("a", "n"), ("a", "nn"), ("an", ""), ("b", "n")):
            records.put(Note(owner, name))
        records.delete(Note, "a", "n")
        assert [bool(records.get(Note, *key)) for key in (("a", "nn"), ("an", ""), ("b", "n"))] == [True] * 3

    def test_tokens_counted_on_it_count_anew(self, records: Records) -> None:
        records.increment(Note, "a", "n", by={"amount": 1}, once="token", initial=Note("a", "n"))
        records.delete(Note, "a", "n")
        again = records.increment(Note, "a", "n", by={"amount": 1}, once="token", initial=Note("a", "n"))
        assert again.amount == 1


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestQuery:
    def test_only_the_group_that_was_asked_for(self, records: Records) -> None:
        for owner in ("a", "ab", "b", ""):
            records.put(Note(owner, "n"))
        assert [note.owner for note in records.query(Note, "a").items] == ["a"]
        assert [note.owner for note in records.query(Note, "").items] == [""]

    def test_text_is_ordered_by_its_characters(self, records: Records) -> None:
        for name in ("b", "a", "B", "a b", "a-b", "ä", "aa", "10", "9", ""):
            records.put(Note("a", name))
        ordered = sorted(["b", "a", "B", "a b", "a-b", "ä", "aa", "10", "9", ""])
        assert names(records.query(Note, "a")) == ordered
        assert names(records.query(Note, "a", descending=True)) == ordered[::-1]

    def test_numbers_are_ordered_as_numbers(self, records: Records) -> None:
        for page in (10, 9, 100, 0, 2**63 - 1):
            records.put(BookPage("a", "b", page))
        assert [each.page for each in records.query(BookPage, "a", "b").items] == [0, 9, 10, 100, 2**63 - 1]

    def test_moments_are_ordered_as_moments_whatever_their_zone(self, records: Records) -> None:
        east = timezone(timedelta(hours=9))
        moments = [
            datetime(1, 1, 2, tzinfo=UTC),
            datetime(999, 12, 31, tzinfo=UTC),
            NOON,
            NOON.astimezone(east) + timedelta(microseconds=1),
            NOON + timedelta(seconds=1),
            datetime(9999, 1, 1, tzinfo=UTC),
        ]
        for moment in reversed(moments):
            records.put(Moment("a", moment))
        assert [each.at for each in records.query(Moment, "a").items] == moments
        inside = records.query(Moment, "a", between=(NOON, NOON + timedelta(seconds=1)))
        assert [each.at for each in inside.items] == moments[2:5]

    def test_a_prefix_of_two_fields_narrows_to_exactly_them(self, records: Records) -> None:
        for book in ("b", "b2", "b 2", "b-", "a", "b\U0010ffff"):
            records.put(BookPage("a", book, 1))
        assert [each.book for each in records.query(BookPage, "a", "b").items] == ["b"]
        assert records.query(BookPage, "a", "").items == ()

    def test_a_prefix_that_is_a_whole_key_gives_that_record_alone(self, records: Records) -> None:
        for name in ("n", "nn", "n n"):
            records.put(Note("a", name))
        assert names(records.query(Note, "a", "n")) == ["n"]
        records.put(Ticket("t", "e", NOON))
        assert [each.ticket for each in records.query(Ticket, "t").items] == ["t"]

    def test_between_has_both_ends_and_nothing_beyond_them(self, records: Records) -> None:
        for name in ("a", "b", "bb", "c", "c d", "cc", "d"):
            records.put(Note("o", name))
        assert names(records.query(Note, "o", between=("b", "c"))) == ["b", "bb", "c"]
        assert names(records.query(Note, "o", between=("c", "b"))) == []

    def test_between_bounds_the_next_field_and_keeps_all_that_follow(self, records: Records) -> None:
        for book in ("a", "b", "bb", "c"):
            for page in (1, 2):
                records.put(BookPage("o", book, page))
        found = records.query(BookPage, "o", between=("a", "b"), descending=True)
        assert [(each.book, each.page) for each in found.items] == [("b", 2), ("b", 1), ("a", 2), ("a", 1)]

    def test_an_index_orders_by_its_own_fields(self, records: Records) -> None:
        for name, rank in (("x", 3), ("y", 1), ("z", 2)):
            records.put(Note("a", name, topic="t", rank=rank))
        assert names(records.query(Note, "a", "t", index="by_topic")) == ["y", "z", "x"]
        assert names(records.query(Note, "a", "t", index="by_topic", between=(2, 3), descending=True)) == ["x", "z"]
        assert names(records.query(Note, "x", index="by_name")) == ["x"]

    def test_a_record_without_the_indexed_value_is_not_in_the_index(self, records: Records) -> None:
        records.put(Note("a", "n"))
        assert names(records.query(Note, "a", index="by_written")) == []

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("size", [1, 3, 7, 100])
    def test_pages_hold_every_record_once_in_order(self, records: Records, size: int, descending: bool) -> None:
        for number in range(7):
            records.put(Note("a", f"{number}", NOON, "t", number % 2))
        for how in ({}, {"index": "by_written"}, {"index": "by_topic"}):
            found = [note.name for note in whole(records, Note, "a", limit=size, descending=descending, **how)]
            assert sorted(found) == [str(number) for number in range(7)], how
        ordered = [note.name for note in whole(records, Note, "a", limit=size, descending=descending)]
        assert ordered == sorted(ordered, reverse=descending)

    def test_records_of_different_keys_with_one_index_value_are_all_on_some_page(self, records: Records) -> None:
        for number in range(5):
            records.put(Ticket(f"t{number}", "e", NOON))
        for descending in (False, True):
            found = whole(records, Ticket, "e", index="by_event", limit=2, descending=descending)
            assert sorted(each.ticket for each in found) == ["t0", "t1", "t2", "t3", "t4"]

    def test_the_last_page_has_no_cursor(self, records: Records) -> None:
        for name in ("a", "b"):
            records.put(Note("o", name))
        assert records.query(Note, "o", limit=2).cursor is None
        assert records.query(Note, "empty").cursor is None

    def test_a_page_has_all_that_was_asked_for_however_large(self, records: Records) -> None:
        for number in range(8):
            records.put(Parcel("a", f"{number}", noise(350_000)))
        page = records.query(Parcel, "a", limit=7)
        assert [(each.parcel, len(each.text)) for each in page.items] == [(f"{number}", 350_000) for number in range(7)]
        assert [each.parcel for each in records.query(Parcel, "a", limit=7, cursor=page.cursor).items] == ["7"]

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("size", [1, 4, 9, 100])
    def test_records_that_are_spread_over_partitions_are_one_list(self, records: Records, size: int, descending: bool) -> None:
        wanted = [f"{number}" for number in range(9)]
        for event in wanted:
            records.put(Event("a", event, NOON + timedelta(seconds=int(event))))
            records.put(Event("b", event))
        ordered = wanted[::-1] if descending else wanted
        for how in ({}, {"index": "by_at"}):
            assert [each.event for each in whole(records, Event, "a", limit=size, descending=descending, **how)] == ordered
        assert [each.event for each in records.query(Event, "a", between=("3", "5")).items] == ["3", "4", "5"]
        assert records.increment(Event, "a", "4", by={"amount": 2}).amount == 2
        assert records.delete(Event, "a", "4") is True
        assert records.get(Event, "a", "4") is None

    def test_a_page_goes_on_where_it_ended_when_its_last_record_is_gone(self, records: Records) -> None:
        for name in ("a", "b", "c"):
            records.put(Note("o", name))
        page = records.query(Note, "o", limit=2)
        records.delete(Note, "o", "b")
        records.put(Note("o", "bb"))
        assert names(records.query(Note, "o", limit=2, cursor=page.cursor)) == ["bb", "c"]

    @pytest.mark.parametrize(
        ("prefix", "how"),
        [
            (("b",), {}),
            (("a",), {"descending": True}),
            (("a",), {"index": "by_topic"}),
            (("a", "t"), {"index": "by_topic"}),
            (("a",), {"between": ("n0", "n9")}),
            (("a", "n0", "n9"), {}),
        ],
    )
    def test_a_page_is_continued_by_its_cursor_and_by_no_one_elses(self, records: Records, prefix: Any, how: Any) -> None:
        for number in range(3):
            records.put(Note("a", f"n{number}", NOON, "t"))
        cursor = records.query(Note, "a", limit=1).cursor
        with pytest.raises(Invalid):
            records.query(Note, *prefix, limit=1, cursor=cursor, **how)
        assert names(records.query(Note, "a", limit=9, cursor=cursor)) == ["n1", "n2"]

    def test_a_cursor_of_another_kind_of_record_is_refused(self, records: Records) -> None:
        for number in range(2):
            records.put(Note("a", f"n{number}"))
        with pytest.raises(Invalid):
            records.query(Guest, "a", cursor=records.query(Note, "a", limit=1).cursor)

    def test_a_cursor_between_two_values_is_not_one_of_a_longer_prefix(self, records: Records) -> None:
        for page in range(3):
            records.put(BookPage("a", "b", page))
        cursor = records.query(BookPage, "a", between=("b", "c"), limit=1).cursor
        with pytest.raises(Invalid):
            records.query(BookPage, "a", "b", "c", limit=1, cursor=cursor)

    @pytest.mark.parametrize("altered", ["nonsense", "", "a:b:c", "é", "\x00", "x" * 5000])
    def test_an_altered_cursor_is_refused(self, records: Records, altered: str) -> None:
        for number in range(2):
            records.put(Note("a", f"n{number}"))
        good = records.query(Note, "a", limit=1).cursor or ""
        for wrong in (altered or good[:-1], good + "a", good[1:], good.swapcase()):
            with pytest.raises(Invalid):
                records.query(Note, "a", cursor=wrong)

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_a_limit_outside_one_to_a_thousand_is_refused(self, records: Records, limit: int) -> None:
        with pytest.raises(Invalid, match="limit"):
            records.query(Note, "a", limit=limit)


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestExpiry:
    def test_what_has_expired_is_nowhere(self, records: Records) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        records.put(Guest("a", "old", past, "r"))
        records.put(Guest("a", "new", past + timedelta(hours=1), "r"))
        records.put(Guest("a", "always", None, "r"))
        assert records.get(Guest, "a", "old") is None
        assert [guest.guest for guest in records.query(Guest, "a").items] == ["always", "new"]
        assert [guest.guest for guest in records.query(Guest, "a", "r", index="by_room").items] == ["always", "new"]
        assert [guest.guest for guest in whole(records, Guest, "a", limit=1)] == ["always", "new"]

    def test_a_record_goes_when_its_moment_has_come(self, records: Records) -> None:
        records.put(Guest("a", "g", datetime.now(UTC) + timedelta(seconds=0.5)))
        assert records.get(Guest, "a", "g") is not None
        wait_for(lambda: records.get(Guest, "a", "g") is None, 10)

    def test_an_expired_record_is_no_hindrance_to_a_new_one(self, records: Records) -> None:
        past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
        records.put(Guest("a", "g", past))
        assert records.put(Guest("a", "g", future)).revision == 1

    def test_an_expired_record_cannot_be_changed(self, records: Records) -> None:
        stored = records.put(Guest("a", "g", datetime.now(UTC) - timedelta(seconds=1)))
        with pytest.raises(Conflict):
            records.put(replace(stored, until=None))
        with pytest.raises(NotFound):
            records.increment(Guest, "a", "g", by={"visits": 1})

    def test_tokens_counted_on_an_expired_record_count_anew(self, records: Records) -> None:
        old = Guest("a", "g", datetime.now(UTC) - timedelta(seconds=1))
        records.increment(Guest, "a", "g", by={"visits": 1}, once="token", initial=old)
        new = replace(old, until=datetime.now(UTC) + timedelta(hours=1))
        assert records.increment(Guest, "a", "g", by={"visits": 1}, once="token", initial=new).visits == 1
        assert records.get(Guest, "a", "g") is not None


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestIncrement:
    def test_it_adds_and_returns_what_is_there_then(self, records: Records) -> None:
        records.put(Note("a", "n", amount=1, cost=0.5))
        grown = records.increment(Note, "a", "n", by={"amount": 2, "cost": -0.25})
        assert grown == Note("a", "n", amount=3, cost=0.25, revision=2)
        assert records.get(Note, "a", "n") == grown

    def test_counting_the_same_token_twice_counts_once(self, records: Records) -> None:
        records.put(Note("a", "n"))
        first = records.increment(Note, "a", "n", by={"amount": 1}, once="file 1")
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="file 1") == first
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="file 2").amount == 2

    def test_other_fields_are_set_in_the_same_go_and_only_when_it_counts(self, records: Records) -> None:
        how: Any = {"by": {"amount": 1}, "once": "file 1", "initial": Note("a", "n", cost=1.5)}
        first = records.increment(Note, "a", "n", **how, also={"color": Color.BLUE})
        assert (first.amount, first.cost, first.color) == (1, 1.5, Color.BLUE)
        assert records.increment(Note, "a", "n", **how, also={"color": Color.RED}) == first
        later = records.increment(Note, "a", "n", by={"amount": 1}, also={"color": Color.RED, "cost": 0.5})
        assert (later.amount, later.cost, later.color) == (2, 0.5, Color.RED)
        assert records.get(Note, "a", "n") == later

    def test_a_field_by_which_a_record_lies_or_expires_is_not_set_in_passing(self, records: Records) -> None:
        for kind, also in ((Note, {"name": "m"}), (Guest, {"room": "r"}), (Guest, {"until": NOON})):
            with pytest.raises(TypeError):
                records.increment(kind, "a", "n", by={"visits": 1}, also=also)

    def test_a_token_counts_on_each_record_by_itself(self, records: Records) -> None:
        for name in ("n", "m"):
            records.put(Note("a", name))
            assert records.increment(Note, "a", name, by={"amount": 1}, once="token").amount == 1

    def test_a_token_survives_other_changes_of_the_record(self, records: Records) -> None:
        records.put(Note("a", "n"))
        counted = records.increment(Note, "a", "n", by={"amount": 1}, once="token")
        records.put(replace(counted, rank=1))
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="token").amount == 1

    def test_without_a_record_the_initial_one_is_stored_first(self, records: Records) -> None:
        assert records.increment(Note, "a", "n", by={"amount": 2}, initial=Note("a", "n", amount=40)).amount == 42
        assert records.increment(Note, "a", "n", by={"amount": 2}, initial=Note("a", "n", amount=40)).amount == 44

    def test_without_a_record_and_an_initial_one_it_is_not_found(self, records: Records) -> None:
        with pytest.raises(NotFound):
            records.increment(Note, "a", "n", by={"amount": 1}, once="token")
        records.put(Note("a", "n"))
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="token").amount == 1

    def test_a_field_that_a_later_release_added_counts_from_its_default(self, records: Records) -> None:
        records.put(BookPage("a", "b", 1))
        assert records.get(ReadPage, "a", "b", 1) == ReadPage("a", "b", 1, readers=10, revision=1)
        assert records.increment(ReadPage, "a", "b", 1, by={"readers": 1}).readers == 11

    def test_hundreds_of_tokens_count_once_each_however_late_they_come_again(
        self, records: Records, again: Callable[[], Records]
    ) -> None:
        tokens = [f"file {number}" for number in range(120)]
        for token in tokens:
            records.increment(Note, "a", "n", by={"amount": 1}, once=token, initial=Note("a", "n"))
        other = again()
        for token in tokens:
            assert records.increment(Note, "a", "n", by={"amount": 1}, once=token).amount == 120
            assert other.increment(Note, "a", "n", by={"amount": 1}, once=token).amount == 120
        records.delete(Note, "a", "n")
        for store, token, amount in (
            (records, "file 0", 1),
            (other, "file 1", 2),
            (records, "file 1", 2),
            (other, "file 0", 2),
        ):
            found = store.increment(Note, "a", "n", by={"amount": 1}, once=token, initial=Note("a", "n"))
            assert found.amount == amount

    def test_an_increment_makes_what_was_read_before_stale(self, records: Records) -> None:
        read = records.put(Note("a", "n"))
        records.increment(Note, "a", "n", by={"amount": 1})
        with pytest.raises(Conflict):
            records.put(replace(read, rank=1))

    def test_many_threads_lose_no_count(self, records: Records) -> None:
        def count(_thread: int) -> None:
            for _ in range(20):
                records.increment(Note, "a", "n", by={"amount": 1}, initial=Note("a", "n"))
            for number in range(60):
                records.increment(Note, "a", "m", by={"amount": 1}, once=f"{number}", initial=Note("a", "m"))

        at_once(8, count)
        assert [each.amount for each in records.query(Note, "a").items] == [60, 160]


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestBatch:
    def test_all_are_put(self, records: Records) -> None:
        records.batch([Note("a", "n"), BookPage("a", "b", 1)])
        assert records.get(Note, "a", "n") == Note("a", "n", revision=1)
        assert records.get(BookPage, "a", "b", 1) == BookPage("a", "b", 1, revision=1)

    def test_one_stale_record_refuses_them_all(self, records: Records) -> None:
        old = records.put(Note("a", "old"))
        records.put(replace(old, rank=1))
        with pytest.raises(Conflict):
            records.batch([Note("a", "new"), old, BookPage("a", "b", 1)])
        assert records.get(Note, "a", "new") is None
        assert records.get(BookPage, "a", "b", 1) is None

    def test_one_that_is_there_already_refuses_them_all(self, records: Records) -> None:
        records.put(BookPage("a", "b", 1))
        with pytest.raises(Conflict):
            records.batch([Note("a", "one"), Note("a", "two"), BookPage("a", "b", 2), BookPage("a", "b", 1), Note("a", "last")])
        assert records.query(Note, "a").items == ()
        assert records.query(BookPage, "a").items == (BookPage("a", "b", 1, revision=1),)

    def test_an_expired_one_is_no_hindrance_to_new_ones(self, records: Records) -> None:
        past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
        records.put(Guest("a", "g", past, visits=7))
        records.batch([Note("a", "n"), Guest("a", "g", future), Guest("a", "h", future)])
        assert records.get(Guest, "a", "g") == Guest("a", "g", future, revision=1)
        assert len(records.query(Guest, "a").items) == 2

    def test_two_of_one_key_refuse_them_all(self, records: Records) -> None:
        for second in (0, 1):
            with pytest.raises(Conflict):
                records.batch([Note("a", "other"), Note("a", "n", rank=1), Note("a", "n", rank=2, revision=second)])
        assert records.query(Note, "a").items == ()

    def test_a_change_and_a_new_one_go_together(self, records: Records) -> None:
        old = records.put(Note("a", "n", topic="old"))
        records.increment(Note, "a", "n", by={"amount": 1}, once="token")
        records.batch([replace(old, topic=None, revision=2), Note("a", "new")])
        assert records.get(Note, "a", "n") == Note("a", "n", revision=3)
        assert names(records.query(Note, "a", index="by_topic")) == []
        assert records.increment(Note, "a", "n", by={"amount": 1}, once="token").amount == 0

    def test_any_store_takes_4_mb_and_more_is_put_whole_or_not_at_all(self, records: Records) -> None:
        text = noise(390_000)
        records.batch([Parcel("a", f"{number}", text) for number in range(10)])
        assert len(records.query(Parcel, "a").items) == 10
        with suppress(TooLarge):
            records.batch([Parcel("b", f"{number}", text) for number in range(12)])
        assert len(records.query(Parcel, "b").items) in (0, 12)

    def test_one_impossible_key_refuses_them_all(self, records: Records) -> None:
        with pytest.raises(Invalid):
            records.batch([Note("a", "n"), Note("a", "\x00")])
        assert records.get(Note, "a", "n") is None

    def test_a_hundred_go_and_one_more_is_refused(self, records: Records) -> None:
        records.batch([Note("a", f"{number:03}") for number in range(100)])
        assert len(records.query(Note, "a", limit=1000).items) == 100
        with pytest.raises(Invalid, match="100"):
            records.batch([Note("b", f"{number:03}") for number in range(101)])
        records.batch([])


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestUpdate:
    def test_many_that_change_at_once_all_have_their_change(self, records: Records) -> None:
        records.put(Note("a", "n", topic=""))

        def change(number: int) -> None:
            update(records, Note, "a", "n", change=lambda note: replace(note, topic=f"{note.topic}{number},"))

        at_once(8, change)
        found = records.get(Note, "a", "n")
        assert found is not None
        assert sorted((found.topic or "").strip(",").split(",")) == [str(number) for number in range(8)]

    def test_it_says_what_is_stored_at_the_end(self, records: Records) -> None:
        assert update(records, Note, "a", "n", change=lambda note: note) is None
        stored = records.put(Note("a", "n"))
        assert update(records, Note, "a", "n", change=lambda note: None) == stored
        assert update(records, Note, "a", "n", change=lambda note: replace(note, rank=3)) == replace(stored, rank=3, revision=2)


@pytest.mark.parametrize("records", list(STORES), indirect=True)
class TestDurability:
    def test_a_store_opened_again_holds_all(self, records: Records, again: Callable[[], Records]) -> None:
        records.put(Note("a", "n", NOON, "t"))
        records.increment(Note, "a", "n", by={"amount": 1}, once="token")
        reopened = again()
        assert reopened.get(Note, "a", "n") == Note("a", "n", NOON, "t", amount=1, revision=2)
        assert reopened.increment(Note, "a", "n", by={"amount": 1}, once="token").amount == 1
        assert key_of(reopened.query(Note, "a", "t", index="by_topic").items[0], ("owner", "name")) == ("a", "n")

    def test_a_cursor_is_good_for_the_store_opened_again(self, records: Records, again: Callable[[], Records]) -> None:
        for name in ("a", "b"):
            records.put(Note("o", name))
        assert names(again().query(Note, "o", cursor=records.query(Note, "o", limit=1).cursor)) == ["b"]


class TestEmbeddedRecords:
    """What the store in one SQLite file promises between processes."""

    def test_many_processes_on_a_new_file_lose_no_count_and_no_record(self, tmp_path: Path) -> None:
        work = """
for number in range(100):
    records.increment(Note, "a", "n", by={"amount": 1}, initial=Note("a", "n"))
    records.increment(Note, "a", "once", by={"amount": 1}, once=f"{number}", initial=Note("a", "once"))
    records.put(Note("p", f"{sys.argv[2]}-{number}"))
    try:
        records.put(Note("race", f"{number}"))
        print("won")
    except Conflict:
        pass
"""
        file = tmp_path / "fresh" / "records.db"
        told = outputs([python(OPENED + work, str(file), str(each)) for each in range(4)])
        records = SqliteRecords(Database(file, SCHEMA))
        assert [records.get(Note, "a", name).amount for name in ("n", "once")] == [400, 100]  # type: ignore[union-attr]
        assert len(whole(records, Note, "p", limit=1000)) == 400
        assert sum(each.count("won") for each in told) == 100

    def test_a_writer_that_is_killed_loses_nothing_it_was_told_is_stored(self, tmp_path: Path) -> None:
        work = """
for number in range(10**9):
    records.put(Note("a", f"{number:09}"))
    print(number, flush=True)
"""
        file = tmp_path / "records.db"
        records = SqliteRecords(Database(file, SCHEMA))
        for _ in range(3):
            records = SqliteRecords(Database(file, SCHEMA))
            for note in whole(records, Note, "a", limit=1000):
                records.delete(Note, "a", note.name)
            writer = python(OPENED + work, str(file))
            wait_for(lambda r=records: len(r.query(Note, "a", limit=200).items) == 200)
            acknowledged = [int(line) for line in kill(writer).splitlines() if line.strip()]
            stored = [int(note.name) for note in whole(records, Note, "a", limit=1000)]
            assert stored == list(range(len(stored)))
            assert stored[: len(acknowledged)] == acknowledged
            assert records.database.connection().execute("pragma integrity_check").fetchone() == ("ok",)

    def test_a_child_of_a_fork_shares_the_file_with_its_parent(self, tmp_path: Path) -> None:
        work = """
import os
records.put(Note("a", "n"))
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(50):
            records.increment(Note, "a", "n", by={"amount": 1})
        os._exit(0)
    children.append(child)
for _ in range(50):
    records.increment(Note, "a", "n", by={"amount": 1})
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""
        file = tmp_path / "records.db"
        outputs([python(OPENED + work, str(file))])
        records = SqliteRecords(Database(file, SCHEMA))
        assert records.get(Note, "a", "n") == Note("a", "n", amount=200, revision=201)

    def test_the_sweep_removes_what_has_expired_and_what_was_counted_on_it(self, tmp_path: Path) -> None:
        records = embedded(tmp_path)
        past = datetime.now(UTC) - timedelta(seconds=1)
        for name in ("a", "b"):
            records.increment(Guest, "o", name, by={"visits": 1}, once="token", initial=Guest("o", name, past))
        records.put(Guest("o", "c", None))
        assert records.sweep([Guest]) == 2
        assert records.sweep([Guest]) == 0
        with records.database.reading() as connection:
            assert connection.execute("select count(*) from counted_once").fetchone() == (0,)
            assert connection.execute("select count(*) from test_guests").fetchone() == (1,)

    def test_every_query_goes_through_an_index(self, tmp_path: Path) -> None:
        records = embedded(tmp_path)
        records.put(Note("a", "n"))
        plans: list[str] = []
        connection = records.database.connection()
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        records.query(Note, "a", limit=1)
        records.query(Note, "a", between=("a", "b"))
        records.query(Note, "a", "n")
        records.query(Note, "a", "t", index="by_topic", descending=True)
        connection.set_trace_callback(None)
        for statement in statements:
            plans += [row[3] for row in connection.execute(f"explain query plan {statement}")]
        assert len(statements) == 4
        assert not [plan for plan in plans if "SCAN" in plan or "TEMP B-TREE" in plan], plans


def test_an_id_that_no_one_has_is_not_found_and_nothing_is_made_of_it(tmp_path: Path) -> None:
    records = embedded(tmp_path)
    assert update(records, Note, str(uuid.uuid4()), "n", change=lambda note: note) is None
    assert records.query(Note, "a").items == ()
