"""What every store of records promises of what is removed: one record, and several together."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from foundation.errors import Conflict, Invalid
from foundation.records import Records
from tests.conformance.processes import at_once
from tests.conformance.shapes import BookPage, Event, Guest, Note, Parcel
from tests.conformance.stores import NOON, STORES, names


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
class TestRemove:
    def test_all_are_gone_from_everywhere_and_nothing_else(self, records: Records) -> None:
        removed = records.put(Note("a", "n", NOON, "t"))
        records.batch([Note("a", "nn", NOON, "t"), BookPage("a", "b", 1, "text"), BookPage("a", "b", 2, "text")])
        records.remove([removed, BookPage("a", "b", 1, revision=1)], same=["revision"])
        assert names(records.query(Note, "a")) == names(records.query(Note, "a", index="by_written")) == ["nn"]
        assert [each.page for each in records.query(BookPage, "a").items] == [2]

    def test_one_that_was_changed_keeps_them_all(self, records: Records) -> None:
        old, other = records.put(Note("a", "n")), records.put(BookPage("a", "b", 1))
        records.put(replace(old, rank=1))
        for some in ([old, other], [other, old]):
            with pytest.raises(Conflict):
                records.remove(some, same=["revision"])
        assert records.get(Note, "a", "n") == replace(old, rank=1, revision=2)
        assert records.get(BookPage, "a", "b", 1) == other

    def test_one_that_is_not_there_keeps_them_all(self, records: Records) -> None:
        stored = records.put(Note("a", "n"))
        expired = records.put(Guest("a", "g", datetime.now(UTC) - timedelta(seconds=1)))
        for gone in (BookPage("a", "b", 1, revision=1), expired):
            with pytest.raises(Conflict):
                records.remove([stored, gone], same=["revision"])
        assert records.get(Note, "a", "n") == stored

    @pytest.mark.parametrize(
        "parcel", [Parcel("a", "n", "of another"), Parcel("a", "n", "mine", 2), Parcel("a", "n", "mine", 1, 0.25)]
    )
    def test_one_that_was_made_anew_with_other_values_stays(self, records: Records, parcel: Parcel) -> None:
        mine = records.put(Parcel("a", "n", "mine", 1, 0.5))
        records.delete(Parcel, "a", "n")
        stored = records.put(parcel)
        assert stored.revision == mine.revision
        with pytest.raises(Conflict):
            records.remove([mine], same=["text", "whole", "broken"])
        assert records.get(Parcel, "a", "n") == stored

    def test_what_no_field_was_named_of_may_differ(self, records: Records) -> None:
        records.put(Event("a", "e", NOON, 7))
        records.put(Guest("a", "g", datetime.now(UTC) + timedelta(hours=1), "room", 7))
        records.remove([Event("a", "e", NOON), Guest("a", "g", None)], same=[])
        assert records.get(Event, "a", "e") is records.get(Guest, "a", "g") is None

    def test_tokens_counted_on_it_count_anew(self, records: Records) -> None:
        for _ in range(2):
            made = records.increment(Note, "a", "n", by={"amount": 1}, once="token", initial=Note("a", "n"))
            assert made.amount == 1
            records.remove([made], same=["amount"])

    def test_of_many_that_remove_at_once_one_succeeds(self, records: Records) -> None:
        some = [records.put(Note("a", "n")), records.put(BookPage("a", "b", 1))]

        def remove(_: int) -> bool:
            try:
                records.remove(some, same=["revision"])
            except Conflict:
                return False
            return True

        assert at_once(8, remove).count(True) == 1

    def test_a_hundred_go_and_one_more_is_refused(self, records: Records) -> None:
        records.batch([Note("a", f"{number:03}") for number in range(100)])
        with pytest.raises(Invalid, match="100"):
            records.remove([Note("a", f"{number:03}") for number in range(101)], same=[])
        records.remove([Note("a", f"{number:03}") for number in range(100)], same=[])
        records.remove([], same=[])
        assert records.query(Note, "a").items == ()
