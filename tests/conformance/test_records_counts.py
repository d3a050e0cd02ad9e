"""What every store of records promises of counting: each once, however often and from wherever it is told."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from foundation.errors import Conflict, NotFound
from foundation.records import Records
from tests.conformance.processes import at_once
from tests.conformance.shapes import BookPage, Color, Guest, Note, ReadPage
from tests.conformance.stores import NOON, STORES


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
