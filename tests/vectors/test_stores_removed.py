"""Removing a store: whole, with any number of indexes, and whatever else is done with it at that moment."""

import sys
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType

import pytest

from apps.vectors import services, work
from apps.vectors.adapters import backend, opensearch
from apps.vectors.records import IndexName, VectorIndex, VectorStore
from foundation.adapters import records
from foundation.ambient import new_id, now
from foundation.errors import NotFound
from foundation.identity import Caller
from foundation.settings import CHOSEN
from tests.delivering import deliver_all

VERBS = ("get", "query", "batch", "remove", "create_index", "delete_store")


def new_store(caller: Caller, indexes: int = 0) -> str:
    """A store with so many indexes, as far as records tell of these."""
    store = services.create_store(caller, "documents", "lancedb", None, []).store
    for number in range(indexes):
        made = VectorIndex(caller.application, new_id(), store, f"{number:03}", "all-minilm-l6-v2", 384, now())
        records.batch([IndexName(caller.application, store, made.name, made.index), made])
    return store


def left(caller: Caller, store: str) -> list[object]:
    """What the records still have of a store."""
    return [
        *records.query(VectorStore, caller.application, store).items,
        *records.query(IndexName, caller.application, store, limit=1000).items,
        *records.query(VectorIndex, caller.application, store, index="by_store", limit=1000).items,
    ]


def told(act: Callable[[str], object], store: str) -> object:
    """What is returned; None where it is NotFound."""
    try:
        return act(store)
    except NotFound:
        return None


def interrupted(
    begin: Callable[[], str], act: Callable[[str], object], other: Callable[[str], object]
) -> Iterator[tuple[str, object, object]]:
    """A store, what `act` returns of it, and what `other` does, again and again: `other` is done as `act` enters or leaves a
    verb of where things are kept, for the first time, then for the second, until there is no such time any more."""
    for step in count(1):
        store, steps, answers = begin(), count(1), list[object]()

        def at_each_step(frame: FrameType, event: str, _: object, step=step, store=store, steps=steps, answers=answers) -> None:
            code, crossing = frame.f_code, event in ("call", "return")
            if crossing and "/adapters/" in code.co_filename and code.co_name in VERBS and next(steps) == step:
                sys.setprofile(None)
                answers.append(told(other, store))

        sys.setprofile(at_each_step)
        try:
            found = told(act, store)
        finally:
            sys.setprofile(None)
        if not answers:
            assert step > 4
            return
        yield store, found, answers[0]


def check_gone(caller: Caller, store: str, made: object = None) -> None:
    """Nothing is left of a store when its workers have worked, nor of an index that was made in it at the last moment."""
    assert records.get(VectorStore, caller.application, store) is None
    deliver_all(caller.application, work.QUEUE)
    assert left(caller, store) == []
    if isinstance(made, services.PlacedIndex):
        assert not backend().has_index(services.shelf_of(made.index))


@pytest.mark.parametrize("indexes", [0, 1, services.MOST_TOGETHER, services.MOST_TOGETHER + 1, 2 * services.MOST_TOGETHER + 5])
def test_nothing_is_left_of_a_store_however_many_indexes_it_has(caller: Caller, indexes: int) -> None:
    store, other = new_store(caller, indexes), new_store(caller, indexes)
    assert services.delete_store(caller, store).store == store
    assert len(left(caller, store)) == 2 * max(0, indexes - services.MOST_TOGETHER)
    deliver_all(caller.application, work.QUEUE)
    assert left(caller, store) == []
    assert len(left(caller, other)) == 1 + 2 * indexes
    with pytest.raises(NotFound, match="Store not found"):
        services.delete_store(caller, store)


def test_an_index_that_is_made_while_its_store_is_removed_goes_with_it_or_is_refused(caller: Caller) -> None:
    created = set()
    for store, made, removed in interrupted(
        lambda: new_store(caller, 2),
        lambda store: services.create_index(caller, store, "passages"),
        lambda store: services.delete_store(caller, store),
    ):
        assert removed
        check_gone(caller, store, made)
        created.add(made is not None)
    assert created == {True, False}


def test_a_store_that_is_removed_while_an_index_is_made_in_it_takes_it_along(caller: Caller) -> None:
    created = set()
    for store, removed, made in interrupted(
        lambda: new_store(caller, 2),
        lambda store: services.delete_store(caller, store),
        lambda store: services.create_index(caller, store, "passages"),
    ):
        assert removed
        check_gone(caller, store, made)
        created.add(made is not None)
    assert created == {True, False}


def test_of_two_that_remove_a_store_one_finds_it_gone(caller: Caller) -> None:
    first = set()
    for store, removed, other in interrupted(
        lambda: new_store(caller, 2),
        lambda store: services.delete_store(caller, store),
        lambda store: services.delete_store(caller, store),
    ):
        assert (removed is None) != (other is None)
        check_gone(caller, store)
        first.add(removed is not None)
    assert first == {True, False}


def test_a_store_whose_indexes_are_removed_by_somebody_else_meanwhile_is_gone(caller: Caller) -> None:
    def remove_indexes(store: str) -> int:
        listed = services.indexes(caller, store).items
        return len([services.delete_index(caller, each.index) for each in listed])

    removed_before = set()
    for store, removed, number in interrupted(
        lambda: new_store(caller, 2), lambda store: services.delete_store(caller, store), remove_indexes
    ):
        assert removed
        check_gone(caller, store)
        removed_before.add(number)
    assert removed_before == {2, None}


def test_indexes_of_two_names_that_are_made_at_once_in_one_store_are_both_there(caller: Caller) -> None:
    for store, made, other in interrupted(
        lambda: new_store(caller),
        lambda store: services.create_index(caller, store, "one"),
        lambda store: services.create_index(caller, store, "other"),
    ):
        assert made and other and len(services.indexes(caller, store).items) == 2


def test_the_rest_of_a_store_is_looked_for_when_no_index_of_it_is_being_made_any_more() -> None:
    assert CHOSEN.route_deadline + opensearch.PATIENCE < work.MADE_WITHIN  # of the embedding that measures, and after it


def test_what_removes_the_rest_of_a_store_leaves_one_that_is_there_alone(caller: Caller) -> None:
    made = services.create_index(caller, new_store(caller), "passages").index
    work.remove_rest(caller.application, made.store)
    assert len(left(caller, made.store)) == 3
    assert services.index_status(caller, made.index) == "ACTIVE"
