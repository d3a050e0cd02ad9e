"""Records in DynamoDB: one table for each class of record (tables.py says how), conditional writes, no scan.

A read by key is consistent; so is a query by key. A query by an index may lack what was written a moment ago, as DynamoDB
keeps its indexes a little later; what is decided by such a query must be confirmed by a write or a read by key.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import ceil
from typing import Any

from msgspec.structs import replace

from foundation.adapters.aws.clients import answering, client
from foundation.adapters.aws.counting import Life, Lives, addition, is_marked, short, spill_if_full
from foundation.adapters.aws.expressions import changed, removed, stored_anew
from foundation.adapters.aws.names import table_name
from foundation.adapters.aws.queries import Range, range_of
from foundation.adapters.aws.tables import Order, groups, place_of, table_of
from foundation.adapters.aws.values import Attribute, Item, item_of, record_of, size_of
from foundation.adapters.aws.writing import LARGEST_BATCH, TRIES, WHAT, fitting, patient, pause, transact, write
from foundation.ambient import now
from foundation.errors import Conflict, Invalid, NotFound, TooLarge
from foundation.records import (
    ANY,
    MAXIMUM_PAGE,
    Absent,
    Page,
    R,
    Record,
    addable,
    batchable,
    identity,
    open_cursor,
    scope_of,
    seal_cursor,
)
from foundation.settings import Settings
from foundation.together import each


def adapter(settings: Settings) -> "DynamoRecords":
    """The records of a deployment."""
    return DynamoRecords(client("dynamodb", settings), settings.deployment)


class DynamoRecords:
    """The Records port on DynamoDB."""

    def __init__(self, client: Any, deployment: str) -> None:
        self.client, self.deployment = client, deployment
        self.lives = Lives()

    def get(self, kind: type[R], *key: Any) -> R | None:
        return _present(kind, self._item(kind, key))

    def put(self, record: R, *, expect: int | Absent | None = None) -> R:
        expected = record.revision if expect is None else expect
        if isinstance(expected, Absent):
            return self._overwrite(record)
        written = write(self.client, self._putting(record, expected))
        stored = replace(record, revision=expected + 1)
        if written.done or (written.repeated and _present(type(record), written.item) == stored):
            return stored
        raise _stale(record)

    def delete(self, kind: type[Record], *key: Any) -> bool:
        place = _attributes(place_of(table_of(kind), key))
        with answering(WHAT):
            answer = patient(self.client.delete_item, TableName=self._table(kind), Key=place, ReturnValues="ALL_OLD")
        return _present(kind, answer.get("Attributes")) is not None

    def query(
        self,
        kind: type[R],
        *prefix: Any,
        index: str | None = None,
        between: tuple[Any, Any] | None = None,
        descending: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[R]:
        if not 1 <= limit <= MAXIMUM_PAGE:
            raise Invalid(f"limit ({limit}) must be from 1 to {MAXIMUM_PAGE}")
        table = table_of(kind)
        order = table.indexes[index] if index else table.key
        scope = scope_of(kind, prefix, index, between, descending)
        asked = range_of(order, prefix, between)
        if cursor:
            (reached,) = open_cursor(scope, cursor)
            asked = asked.after(reached, descending)
        shards = groups(table, prefix[0])
        if asked.is_empty:
            return Page(())
        request = self._asking(kind, index, order, asked, descending, ceil(limit / len(shards)))
        begun = (
            each(lambda group: self._answer(request, group), shards) if len(shards) > 1 else [self._answer(request, shards[0])]
        )
        found = heapq.merge(
            *(self._items(kind, request, *one, order, asked) for one in zip(shards, begun, strict=True)),
            key=lambda item: str(item[order.sort]["S"]),
            reverse=descending,
        )
        items = list(islice(found, limit + 1))
        more = seal_cursor(scope, [items[limit - 1][order.sort]["S"]]) if len(items) > limit else None
        return Page(tuple(record_of(kind, item) for item in items[:limit]), more)

    def increment(
        self,
        kind: type[R],
        *key: Any,
        by: Mapping[str, int | float],
        once: str | None = None,
        initial: R | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> R:
        also = also or {}
        addable(kind, [*by, *also])
        table, place = self._table(kind), place_of(table_of(kind), key)
        token = None if once is None else short(once)
        life = self.lives.get(table, *place.values())
        for tried in range(TRIES):
            if token is not None and is_marked(self.client, table, place, life, token):
                found, actual = self._living(kind, key)
                if found is not None and actual.born == life.born:
                    return found
                life = actual
                continue
            written = write(self.client, addition(table, kind, place, by, token, life, also))
            item = written.item or {}
            if written.done:
                if token is not None:
                    self.lives.put(spill_if_full(self.client, table, place, item), table, *place.values())
                return record_of(kind, item)
            found = _present(kind, item)
            if found is None and (found := self._begun(kind, initial, by, token, also)) is not None:
                return found
            if found is not None and token is not None and token in item.get("recent", {}).get("SS", ()):
                return found
            life = Life.of(item) if found is not None else Life()
            self.lives.put(life, table, *place.values())
            pause(tried)
        raise Conflict(f"{kind.kind.table} was changed by others all the time; try again")

    def add(self, records: Sequence[Record]) -> None:
        firsts = {identity(record): record for record in reversed(records)}.values()
        for some in fitting(self._putting(record, 0) for record in firsts):
            left = some
            while there := transact(self.client, left):
                left = [request for place, request in enumerate(left) if place not in there]

    def batch(self, records: Sequence[Record]) -> None:
        batchable(records)
        size = sum(size_of(item_of(record)) for record in records)
        if size > LARGEST_BATCH:
            raise TooLarge(f"{len(records)} records at once have {size:,} bytes and may have {LARGEST_BATCH:,}")
        requests = [self._putting(record, record.revision) for record in records]
        stale = transact(self.client, requests)
        if stale:
            raise _stale(records[stale[0]])

    def remove(self, records: Sequence[Record], *, same: Sequence[str]) -> None:
        batchable(records)
        requests = [removed(self._table(type(record)), record, same) for record in records]
        other = transact(self.client, requests)
        if other:
            raise Conflict(f"{records[other[0]].kind.table}: somebody else changed or removed it; read it and try again")

    def _item(self, kind: type[Record], key: Sequence[Any]) -> Item | None:
        """The item of a key as it is now."""
        place = _attributes(place_of(table_of(kind), key))
        with answering(WHAT):
            answer = self.client.get_item(TableName=self._table(kind), Key=place, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def _living(self, kind: type[R], key: Sequence[Any]) -> tuple[R | None, Life]:
        """The record as it is now, and its life."""
        item = self._item(kind, key)
        found = _present(kind, item)
        return found, Life.of(item) if item and found is not None else Life()

    def _table(self, kind: type[Record]) -> str:
        return table_name(self.deployment, kind)

    def _putting(self, record: Record, expect: int) -> dict[str, Any]:
        """The request that puts a record where the store holds revision `expect`; 0: none."""
        table = self._table(type(record))
        return changed(table, record, expect) if expect else stored_anew(table, record)

    def _overwrite(self, record: R) -> R:
        """Put it over whatever is there; over an expired one as new."""
        table = self._table(type(record))
        for tried in range(TRIES):
            written = write(self.client, changed(table, record, ANY))
            if written.done:
                return replace(record, revision=int((written.item or {})["revision"]["N"]))
            if write(self.client, stored_anew(table, record)).done:
                return replace(record, revision=1)
            pause(tried)
        raise _stale(record)

    def _begun(
        self,
        kind: type[R],
        initial: R | None,
        by: Mapping[str, int | float],
        token: str | None,
        also: Mapping[str, Any],
    ) -> R | None:
        """The record that begins with this addition; None when somebody else began it."""
        if initial is None:
            raise NotFound(f"no such record in {kind.kind.table}")
        grown: dict[str, Any] = {name: getattr(initial, name) + amount for name, amount in by.items()}
        begun = replace(initial, **grown, **also)
        counted: dict[str, Attribute] = {} if token is None else {"recent": {"SS": [token]}}
        written = write(self.client, stored_anew(self._table(kind), begun, **counted))
        return replace(begun, revision=1) if written.done else None

    def _asking(
        self, kind: type[Record], index: str | None, order: Order, asked: Range, descending: bool, many: int
    ) -> dict[str, Any]:
        """What every query for a part of a page has in common: it asks for the page, and what may lie on its edges."""
        return {
            "TableName": self._table(kind),
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            "KeyConditionExpression": "#p = :p AND #s BETWEEN :low AND :high",
            "ExpressionAttributeNames": {"#p": order.partition, "#s": order.sort},
            "ExpressionAttributeValues": {":low": {"S": asked.low}, ":high": {"S": asked.high}},
            "ScanIndexForward": not descending,
            "Limit": many + 1 + len(asked.without),
        }

    def _answer(self, request: Mapping[str, Any], group: str, **further: Any) -> Any:
        """What one partition has."""
        values = {**request["ExpressionAttributeValues"], ":p": {"S": group}}
        with answering(WHAT):
            return self.client.query(**{**request, **further, "ExpressionAttributeValues": values})

    def _items(
        self, kind: type[Record], request: Mapping[str, Any], group: str, answer: Any, order: Order, asked: Range
    ) -> Iterator[Item]:
        """The items of one partition that are in the range and have not expired, its first answer's and, as they are needed,
        those of further ones."""
        while True:
            for item in answer["Items"]:
                if item[order.sort]["S"] not in asked.without and _present(kind, item) is not None:
                    yield item
            if "LastEvaluatedKey" not in answer:
                return
            answer = self._answer(request, group, ExclusiveStartKey=answer["LastEvaluatedKey"])


def _attributes(place: Mapping[str, str]) -> Item:
    return {name: {"S": text} for name, text in place.items()}


def _present(kind: type[R], item: Item | None) -> R | None:
    """The record of an item, None when there is none or it has expired: DynamoDB removes it days later."""
    if not item:
        return None
    found = record_of(kind, item)
    until = getattr(found, kind.kind.expires) if kind.kind.expires else None
    return None if until is not None and until <= now() else found


def _stale(record: Record) -> Conflict:
    told = f"{record.kind.table}: somebody else changed it (it is not at revision {record.revision})"
    return Conflict(f"{told}; read it and try again")
