"""What every store of records promises of one record and of several put together: conditions, conflicts, durability."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from foundation.errors import Conflict, Invalid, TooLarge
from foundation.records import ANY, Record, Records, key_of, update
from tests.conformance.processes import at_once
from tests.conformance.shapes import BookPage, Color, Guest, Note, Parcel
from tests.conformance.stores import NOON, STORES, names, noise


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
class TestAdd:
    def test_any_number_of_new_ones_is_put_once_however_often_they_are_added(self, records: Records) -> None:
        many: list[Record] = [Note("a", f"{number:03}", topic="t", rank=number) for number in range(230)]
        for _ in range(2):
            records.add([*many, BookPage("a", "b", 1)])
            found = records.query(Note, "a", limit=1000).items
            assert [replace(each, revision=0) for each in found] == many
            assert {each.revision for each in found} == {1}
            assert records.query(Note, "a", "t", index="by_topic", limit=1000).items == found
            assert records.get(BookPage, "a", "b", 1) == BookPage("a", "b", 1, revision=1)
        records.add([])

    def test_those_that_are_there_stay_and_the_others_are_put(self, records: Records) -> None:
        there = [records.put(Note("a", name, rank=1)) for name in ("000", "050", "149")]
        records.increment(Note, "a", "000", by={"amount": 1}, once="token")
        records.add([Note("a", f"{number:03}", rank=2) for number in range(150)])
        found = {each.name: each for each in records.query(Note, "a", limit=1000).items}
        assert [found.pop(each.name) for each in there] == [replace(there[0], amount=1, revision=2), *there[1:]]
        assert len(found) == 147 and {(each.rank, each.revision) for each in found.values()} == {(2, 1)}
        assert records.increment(Note, "a", "000", by={"amount": 1}, once="token").amount == 1

    def test_of_two_with_one_key_the_first_is_put(self, records: Records) -> None:
        records.add([Note("a", "n", rank=1), BookPage("a", "b", 1), Note("a", "n", rank=2), Note("a", "other")])
        assert records.query(Note, "a").items == (Note("a", "n", rank=1, revision=1), Note("a", "other", revision=1))

    def test_one_that_has_expired_is_put_anew_and_counts_anew(self, records: Records) -> None:
        past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
        records.put(Guest("a", "g", future))
        records.increment(Guest, "a", "g", by={"visits": 1}, once="token")
        records.put(Guest("a", "g", past, visits=7), expect=ANY)
        records.add([Guest("a", "g", future), Guest("a", "h", future)])
        assert records.query(Guest, "a").items == (Guest("a", "g", future, revision=1), Guest("a", "h", future, revision=1))
        assert records.increment(Guest, "a", "g", by={"visits": 1}, once="token").visits == 1

    def test_what_is_more_than_a_batch_takes_is_put_too(self, records: Records) -> None:
        text = noise(390_000)
        records.add([Parcel("a", f"{number}", text) for number in range(15)])
        assert len(records.query(Parcel, "a").items) == 15

    def test_an_impossible_key_is_refused_and_what_is_there_is_whole(self, records: Records) -> None:
        with pytest.raises(Invalid):
            records.add([Note("a", "n"), Note("a", "\x00")])
        assert records.get(Note, "a", "n") in (None, Note("a", "n", revision=1))

    def test_of_many_that_add_the_same_at_once_each_record_is_of_one(self, records: Records) -> None:
        at_once(8, lambda rank: records.add([Note("a", f"{number:03}", rank=rank) for number in range(20)]))
        assert [each.revision for each in records.query(Note, "a").items] == [1] * 20


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
