"""Vector stores and their indexes: made once, told, and removed with all that is in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from apps.vectors import names, work
from apps.vectors.adapters import backend
from apps.vectors.embedding import measured
from apps.vectors.ports import Shelf, StoreStatus
from apps.vectors.records import IndexName, VectorIndex, VectorStore
from foundation.adapters import queues, records
from foundation.ambient import new_id, now
from foundation.errors import Conflict, Invalid, NotFound
from foundation.identity import Caller
from foundation.records import MAXIMUM_PAGE, MOST_AT_ONCE, Page, Record
from foundation.settings import CHOSEN
from foundation.together import together

STORE_TYPES: Final = ("opensearchserverless", "opensearch", "lancedb")
LONGEST_ID: Final = 100
MOST_TOGETHER: Final = (MOST_AT_ONCE - 1) // 2  # indexes that go with their names and their store
NO_STORE: Final = "Store not found"

R = TypeVar("R", bound=Record)
Between = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class PlacedIndex:
    """An index, and the store that it is in."""

    index: VectorIndex
    store: VectorStore


def create_store(
    caller: Caller, name: str, kind: str, description: str | None, tags: Sequence[Mapping[str, str]]
) -> VectorStore:
    """A new empty store; `store_status` says when it can be used. Safe to call again: it makes another store.

    Every kind in STORE_TYPES is kept by the backend of this platform; Invalid for another one and for a bad name.
    """
    if kind not in STORE_TYPES:
        raise Invalid("Invalid store type")
    names.check("store_name", name)
    made = VectorStore(caller.application, new_id(), name, kind, description or "Vector store", tuple(tags), now())
    backend().create_store(made.application, made.store)
    return records.put(made)


def store(owner: Caller | str, identifier: str) -> VectorStore:
    """A store of a caller, or of an application by its id; NotFound when it has no such store."""
    return owned(VectorStore, owner, identifier, NO_STORE)


def stores(
    application: str, *, between: Between | None = None, limit: int = MAXIMUM_PAGE, cursor: str | None = None
) -> Page[VectorStore]:
    """An application's stores, oldest first; `between` bounds when they were created, both ends included."""
    return records.query(VectorStore, application, index="by_created", between=between, limit=limit, cursor=cursor)


def store_status(caller: Caller, identifier: str) -> StoreStatus:
    """Where a store of the caller stands."""
    found = store(caller, identifier)
    return backend().store_status(found.application, found.store)


def delete_store(caller: Caller, identifier: str) -> VectorStore:
    """Remove a store with all of its indexes, and return what it was. NotFound when it is gone already.

    Up to MOST_TOGETHER indexes are gone with it on return; a worker removes further ones, and those that are made in it at the
    same moment. Of several removals one succeeds. A repeat finishes what was cut off.
    """
    place, named = together(
        lambda: store(caller, identifier),
        lambda: records.query(IndexName, caller.application, identifier, limit=MOST_TOGETHER),
    )
    _remove_rest(place, work.MADE_WITHIN)
    backend().delete_store(place.application, place.store)
    try:
        records.remove([place, *_with_indexes(named.items)], same=["store"])
    except Conflict as refused:  # an index of it was removed meanwhile, or all of it
        if not records.delete(VectorStore, place.application, place.store):
            raise NotFound(NO_STORE) from refused
    else:
        if named.cursor is None:
            return place
    _remove_rest(place)
    return place


def create_index(caller: Caller, identifier: str, name: str, model: str | None = None) -> PlacedIndex:
    """The index of this name in a store, made when there is none; it is usable on return.

    Its vectors come from `model`, or from VECTOR_MODEL. A repeat returns the same index; Invalid when it asks for another
    model than the index has.
    """
    place, taken = together(lambda: store(caller, identifier), lambda: _taken(caller, identifier, name))
    if taken is not None:
        return PlacedIndex(_again(caller, taken, model), place)
    answering, dimension = measured(caller, model or CHOSEN.vector_model)
    made = VectorIndex(place.application, new_id(), place.store, name, answering, dimension, now())
    try:
        records.batch([_name_of(made), made])
    except Conflict:  # somebody else was faster with the same name
        return create_index(caller, identifier, name, model)
    backend().create_index(shelf_of(made), dimension)
    return PlacedIndex(made, place)


def index(owner: Caller | str, identifier: str) -> VectorIndex:
    """An index of a caller, or of an application by its id; NotFound when it has no such index."""
    return owned(VectorIndex, owner, identifier, "Index not found")


def indexes(owner: Caller | str, identifier: str, *, limit: int = MAXIMUM_PAGE, cursor: str | None = None) -> Page[VectorIndex]:
    """The indexes of a store, oldest first; NotFound when the owner has no such store."""
    place = store(owner, identifier)
    return records.query(VectorIndex, place.application, place.store, index="by_store", limit=limit, cursor=cursor)


def index_status(caller: Caller, identifier: str) -> str:
    """ACTIVE when the index can be used; the contract's NOT_FOUND_OR_READY otherwise."""
    return "ACTIVE" if backend().has_index(shelf_of(index(caller, identifier))) else "NOT_FOUND_OR_READY"


def delete_index(caller: Caller, identifier: str) -> VectorIndex:
    """Remove an index with its vectors, and return what it was. Its name is free again. NotFound when it is gone already.

    A repeat finishes what was cut off.
    """
    found = index(caller, identifier)
    backend().delete_index(shelf_of(found))
    try:
        records.remove([_name_of(found), found], same=["index"])
    except Conflict:  # both are gone already; or the name is not its own, and stays
        records.delete(VectorIndex, found.application, found.index)
    return found


def shelf_of(found: VectorIndex) -> Shelf:
    """Where the backend keeps an index."""
    return Shelf(found.application, found.store, found.index)


def owned(kind: type[R], owner: Caller | str, identifier: str, missing: str) -> R:
    """What a caller, or an application by its id, has under this id; NotFound, in the words of `missing`, when it has none."""
    application = owner.application if isinstance(owner, Caller) else owner
    found = records.get(kind, application, identifier) if _is_id(identifier) else None
    if found is None:
        raise NotFound(missing)
    return found


def _is_id(identifier: str) -> bool:
    return bool(identifier) and len(identifier) <= LONGEST_ID


def _with_indexes(names: Iterable[IndexName]) -> Iterator[IndexName | VectorIndex]:
    """Names and the indexes that have them, as far as `remove` looks at these: their keys and their store."""
    for name in names:
        yield name
        yield VectorIndex(name.application, name.index, name.store, name.name, "", 0, now())


def _name_of(found: VectorIndex) -> IndexName:
    return IndexName(found.application, found.store, found.name, found.index)


def _taken(caller: Caller, identifier: str, name: str) -> IndexName | None:
    """Who has a name in a store; Invalid for one that nobody may have."""
    names.check("index_name", name)
    return records.get(IndexName, caller.application, identifier, name) if _is_id(identifier) else None


def _remove_rest(place: VectorStore, delay: int = 0) -> None:
    ids = {"application": place.application, "store": place.store}
    queues.send("remove_rest_of_store", queue=work.QUEUE, delay=delay, **ids)


def _again(caller: Caller, taken: IndexName, model: str | None) -> VectorIndex:
    """The index that has the name; a creation that was cut off is completed."""
    found = index(caller, taken.index)
    if model is not None and measured(caller, model)[0] != found.model:
        raise Invalid(f"the index {found.name} has vectors of {found.model}, not of {model}; choose another index_name")
    backend().create_index(shelf_of(found), found.dimension)
    return found
