"""Stores and the indexes in them."""

from contextlib import suppress

import pytest

from apps.vectors import services
from apps.vectors.adapters import backend
from apps.vectors.records import IndexName
from foundation.adapters import records
from foundation.errors import Invalid, NotFound
from foundation.identity import Caller
from tests.conformance.processes import at_once
from tests.vectors.indexes import chunked, finished, found, new_index

NOWHERE = "00000000-0000-4000-8000-000000000000"
BAD_NAMES = ["", " ", "..", "../up", "%2e%2e%2fup", "a\x00b", "a\u202eb", "CON", "con.txt", "x" * 1000, "a/b", "a\\b", "a\nb"]


def test_a_store_is_active_at_once_under_either_name_of_its_type(caller: Caller) -> None:
    for kind in ("opensearchserverless", "lancedb"):
        made = services.create_store(caller, "my store", kind, None, [{"key": "project", "value": "x"}])
        assert services.store_status(caller, made.store).value == "ACTIVE"
        assert (made.name, made.type) == ("my store", kind)


def test_another_type_is_refused(caller: Caller) -> None:
    with pytest.raises(Invalid, match="Invalid store type"):
        services.create_store(caller, "store", "pinecone", None, [])


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_refused_and_nothing_is_stored(caller: Caller, name: str) -> None:
    with pytest.raises(Invalid, match="store_name"):
        services.create_store(caller, name, "lancedb", None, [])
    assert services.stores(caller.application).items == ()
    store = services.create_store(caller, "good", "lancedb", None, [])
    with pytest.raises(Invalid, match="index_name"):
        services.create_index(caller, store.store, name)
    assert services.indexes(caller, store.store).items == ()


def test_an_index_knows_the_model_and_dimension_of_its_vectors(caller: Caller) -> None:
    made = new_index(caller)
    assert (made.model, made.dimension) == ("all-minilm-l6-v2", 384)
    assert services.index_status(caller, made.index) == "ACTIVE"


def test_a_name_has_one_index_in_a_store_and_may_be_used_in_others(caller: Caller) -> None:
    first, elsewhere = new_index(caller, "same"), new_index(caller, "same")
    assert services.create_index(caller, first.store, "same").index.index == first.index
    assert elsewhere.index != first.index
    assert [each.index for each in services.indexes(caller, first.store).items] == [first.index]


def test_an_index_cannot_be_asked_for_again_with_a_model_that_does_not_exist(caller: Caller) -> None:
    made = new_index(caller)
    assert services.create_index(caller, made.store, made.name, made.model).index.index == made.index
    with pytest.raises(Invalid, match="nosuchmodel"):
        services.create_index(caller, made.store, "another", "nosuchmodel")
    assert [each.name for each in services.indexes(caller, made.store).items] == [made.name]


def test_a_second_index_can_be_filled_at_once_and_knows_nothing_of_the_first(caller: Caller) -> None:
    first = new_index(caller, "first")
    finished(caller, chunked(caller, {"a.txt": "Cats sleep a lot."}), first)
    second = services.create_index(caller, first.store, "second").index
    finished(caller, chunked(caller, {"b.txt": "Dogs like to run."}), second)
    assert found(caller, first, "animals") == ["Cats sleep a lot."]
    assert found(caller, second, "animals") == ["Dogs like to run."]


def test_a_deleted_index_is_gone_with_its_vectors_and_its_name_is_free(caller: Caller) -> None:
    old = new_index(caller, "name")
    finished(caller, chunked(caller, {"a.txt": "Cats sleep a lot."}), old)
    services.delete_index(caller, old.index)
    for ask in (services.index_status, services.delete_index):
        with pytest.raises(NotFound, match="Index not found"):
            ask(caller, old.index)
    fresh = services.create_index(caller, old.store, "name").index
    assert fresh.index != old.index
    assert found(caller, fresh, "cats") == []


def test_a_removal_that_was_cut_off_once_the_vectors_were_gone_is_finished_by_a_repeat(caller: Caller) -> None:
    old = new_index(caller, "name")
    backend().delete_index(services.shelf_of(old))
    services.delete_index(caller, old.index)
    assert services.indexes(caller, old.store).items == ()
    assert services.create_index(caller, old.store, "name").index.index != old.index


def test_an_index_whose_name_another_has_goes_without_it(caller: Caller) -> None:
    old = new_index(caller, "name")
    records.delete(IndexName, old.application, old.store, "name")
    other = services.create_index(caller, old.store, "name").index
    services.delete_index(caller, old.index)
    assert [each.index for each in services.indexes(caller, old.store).items] == [other.index]
    assert services.create_index(caller, old.store, "name").index.index == other.index


def test_of_many_that_remove_an_index_at_once_all_find_it_gone_and_its_name_free(caller: Caller) -> None:
    old = new_index(caller, "name")

    def remove(_: int) -> None:
        with suppress(NotFound):
            services.delete_index(caller, old.index)

    at_once(8, remove)
    assert services.indexes(caller, old.store).items == ()
    assert records.get(IndexName, old.application, old.store, "name") is None


def test_a_deleted_store_takes_its_indexes_with_it(caller: Caller) -> None:
    index = new_index(caller)
    services.delete_store(caller, index.store)
    with pytest.raises(NotFound, match="Store not found"):
        services.store_status(caller, index.store)
    with pytest.raises(NotFound, match="Index not found"):
        services.search(caller, index.index, "cats")
    assert services.stores(caller.application).items == ()


def test_everything_of_another_application_is_as_absent_as_what_never_was(caller: Caller, stranger: Caller) -> None:
    index = new_index(caller)
    for ask, mine in (
        (services.store_status, index.store),
        (services.delete_store, index.store),
        (services.indexes, index.store),
        (services.index_status, index.index),
        (services.delete_index, index.index),
    ):
        texts = set()
        for identifier in (mine, NOWHERE):
            with pytest.raises(NotFound) as refused:
                ask(stranger, identifier)
            texts.add(refused.value.detail)
        assert len(texts) == 1
    assert services.index_status(caller, index.index) == "ACTIVE"
    assert services.stores(stranger.application).items == ()


def test_stores_are_listed_page_by_page_and_between_moments(caller: Caller) -> None:
    made = [services.create_store(caller, f"store {number}", "lancedb", None, []) for number in range(5)]
    first = services.stores(caller.application, limit=3)
    rest = services.stores(caller.application, limit=3, cursor=first.cursor)
    assert [each.store for each in (*first.items, *rest.items)] == [each.store for each in made]
    some = services.stores(caller.application, between=(made[1].created, made[3].created))
    assert [each.store for each in some.items] == [each.store for each in made[1:4]]
