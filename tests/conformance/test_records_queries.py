"""What every store of records promises of queries: order, bounds, indexes, pages, and what has expired."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from foundation.errors import Conflict, Invalid, NotFound
from foundation.records import Records
from tests.conformance.shapes import BookPage, Event, Guest, Moment, Note, Parcel, Ticket
from tests.conformance.stores import NOON, STORES, names, noise, whole
from tests.running import wait_for


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
