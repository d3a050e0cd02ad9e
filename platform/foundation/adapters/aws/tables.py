"""The DynamoDB table of each record: derived from its declared key and indexes; adapter and templates share it.

The rule. Every table has the partition key `pk` and the sort key `sk`, both text, and a time to live in `ttl`. `pk` is `=`
and the first field of the record's key; `sk` is `=` and the other fields, as `records.composed` orders them (the mark is
there because DynamoDB takes no empty key). Each index of the record is a global secondary index of the same name, which
holds whole records, with the keys `<index>_pk` and `<index>_sk`: the index's fields in the same way, and then those of the
key that it lacks, so that no two records have the same place. A record that lacks a value of an index has neither attribute
and is not in it. A record that declares `spread` has the number of one of so many shards before the mark of every `pk`: a
digest of its key decides it, and a query asks all of them.

Local secondary indexes, which could be read consistently, are not used: they bound all records of a group to 10 GB.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foundation.errors import Invalid
from foundation.records import Record, composed, key_of, sortable

MARK: Final = "="
TTL: Final = "ttl"
LONGEST_GROUP: Final = 2048  # bytes of a partition key, DynamoDB's limit
LONGEST_PLACE: Final = 1024  # bytes of a sort key


@dataclass(frozen=True, slots=True)
class Order:
    """One way in which a table is ordered: its two attributes, and the fields of the record that they hold."""

    partition: str
    sort: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """How a record lies in DynamoDB: by its key and by each index; `ttl` is the attribute of its time to live."""

    key: Order
    indexes: Mapping[str, Order]
    ttl: str
    spread: int


def table_of(kind: type[Record]) -> Table:
    """The table of a record."""
    declared = kind.kind
    return Table(
        key=Order("pk", "sk", declared.key),
        indexes={
            name: Order(f"{name}_pk", f"{name}_sk", (*fields, *(field for field in declared.key if field not in fields)))
            for name, fields in declared.indexes.items()
        },
        ttl=TTL,
        spread=declared.spread,
    )


def properties(kind: type[Record]) -> dict[str, Any]:
    """What CreateTable and AWS::DynamoDB::Table alike want to know of its keys and indexes."""
    table = table_of(kind)
    orders = (table.key, *table.indexes.values())
    indexes = [
        {"IndexName": name, "KeySchema": _schema(order), "Projection": {"ProjectionType": "ALL"}}
        for name, order in table.indexes.items()
    ]
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for order in orders for name in (order.partition, order.sort)
        ],
        "KeySchema": _schema(table.key),
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def _schema(order: Order) -> list[dict[str, str]]:
    return [
        {"AttributeName": order.partition, "KeyType": "HASH"},
        {"AttributeName": order.sort, "KeyType": "RANGE"},
    ]


def shard_of(table: Table, key: Sequence[Any]) -> str:
    """What stands before the mark of a record's partition keys: nothing, or the number of its shard."""
    return "" if table.spread == 1 else str(zlib.crc32(composed(key).encode()) % table.spread)


def groups(table: Table, value: Any) -> tuple[str, ...]:
    """The partition keys under which records with this first value lie."""
    shards = ("",) if table.spread == 1 else tuple(map(str, range(table.spread)))
    return tuple(f"{shard}{MARK}{sortable(value)}" for shard in shards)


def place_of(table: Table, key: Sequence[Any]) -> dict[str, str]:
    """The key attributes of the record with this key; Invalid when it is longer than DynamoDB takes."""
    return _placed(table.key, key, shard_of(table, key))


def places_of(record: Record) -> dict[str, str]:
    """The key attributes of a record and those of its indexes."""
    table = table_of(type(record))
    key = key_of(record, table.key.fields)
    shard = shard_of(table, key)
    placed = _placed(table.key, key, shard)
    for order in table.indexes.values():
        values = key_of(record, order.fields)
        if None not in values:
            placed |= _placed(order, values, shard)
    return placed


def _placed(order: Order, values: Sequence[Any], shard: str) -> dict[str, str]:
    group, place = f"{shard}{MARK}{sortable(values[0])}", MARK + composed(values[1:])
    for text, longest in ((group, LONGEST_GROUP), (place, LONGEST_PLACE)):
        if len(text.encode()) > longest:
            raise Invalid(f"the ids or names that a record is found by are longer than {longest} bytes together: {text[:100]}…")
    return {order.partition: group, order.sort: place}
