"""Records as DynamoDB items and back: an attribute for each field, under its own name.

Whole and broken numbers are DynamoDB numbers, which hold each of them exactly up to 38 digits; moments are text that sorts as
they do. A long text is compressed. A field that is None, and is None unless said otherwise, has no attribute.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import fields

from foundation.adapters.aws.tables import TTL, places_of
from foundation.errors import Invalid, TooLarge
from foundation.records import R, Record, sortable

Attribute: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Attribute]

LONG: Final = 2048  # bytes of text from which on it is compressed
LARGEST: Final = 399 * 1024  # bytes of an item; DynamoDB takes 1 KB more, which is kept for what is counted once on a record
NUMBER: Final = 21  # bytes that the largest number takes
OVERHEAD: Final = 4  # bytes that a list, a map or an entry of one takes besides what it holds, at most
LARGEST_FLOAT: Final = 9.9e125
SMALLEST_FLOAT: Final = 1e-130


def attribute(value: Any) -> Attribute:
    """A plain value as DynamoDB takes it; Invalid for a number beyond what it holds."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return _text(value)
        case int():
            if abs(value) >= 10**38:
                raise Invalid(f"{value} has more than 38 digits")
            return {"N": str(value)}
        case float():
            if value and not SMALLEST_FLOAT <= abs(value) <= LARGEST_FLOAT:
                raise Invalid(f"{value} is no number that can be stored")
            return {"N": repr(value)}
        case dict():
            return {"M": {name: attribute(each) for name, each in value.items()}}
        case _:
            return {"L": [attribute(each) for each in value]}


def _text(value: str) -> Attribute:
    if len(value) > LONG:
        packed = zlib.compress(value.encode(), 1)
        if len(packed) < len(value):
            return {"B": packed}
    return {"S": value}


def plain(found: Attribute) -> Any:
    """The value of an attribute."""
    ((kind, value),) = found.items()
    match kind:
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "B":
            return zlib.decompress(value).decode()
        case "NULL":
            return None
        case "L":
            return [plain(each) for each in value]
        case "M":
            return {name: plain(each) for name, each in value.items()}
    return value


_FIELDS: Final[dict[type[Record], Mapping[str, Any]]] = {}


def _fields(kind: type[Record]) -> Mapping[str, Any]:
    """The default of each field, NODEFAULT where it has none; one whose default is None may be left out when it is None."""
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = {field.name: field.default for field in fields(kind)}
    return known


def default_of(kind: type[Record], name: str) -> Attribute | None:
    """What a number is in an item that was stored before the record had this field; None where it has no default."""
    default = _fields(kind)[name]
    return attribute(default) if isinstance(default, int | float) else None


def removable(kind: type[Record]) -> frozenset[str]:
    """The attributes that an item of this record may lack."""
    declared = kind.kind
    optional = {name for name, default in _fields(kind).items() if default is None}
    indexed = {f"{name}_{end}" for name in declared.indexes for end in ("pk", "sk")}
    return frozenset(optional | indexed | ({TTL} if declared.expires else set()))


def value_of(value: Any) -> Attribute:
    """A field of a record as its attribute."""
    return attribute(sortable(value) if isinstance(value, datetime) else msgspec.to_builtins(value))


def item_of(record: Record) -> Item:
    """The item of a record, with the keys of its table and indexes; TooLarge when DynamoDB does not take so much."""
    item: Item = {name: {"S": text} for name, text in places_of(record).items()}
    for name, default in _fields(type(record)).items():
        value = getattr(record, name)
        if value is None and default is None:
            continue
        item[name] = value_of(value)
    expires = record.kind.expires
    until = getattr(record, expires) if expires else None
    if until is not None:
        item[TTL] = {"N": str(ceil(until.timestamp()))}
    size = size_of(item)
    if size > LARGEST:
        raise TooLarge(f"a record in {record.kind.table} would have {size:,} bytes and may have {LARGEST:,}")
    return item


def record_of(kind: type[R], item: Mapping[str, Attribute]) -> R:
    """The record of an item."""
    return msgspec.convert({name: plain(item[name]) for name in _fields(kind) if name in item}, kind)


def size_of(item: Mapping[str, Attribute]) -> int:
    """The bytes of an item as DynamoDB counts them, or a few more."""
    return sum(len(name.encode()) + _size(each) for name, each in item.items())


def _size(found: Attribute) -> int:
    ((kind, value),) = found.items()
    match kind:
        case "S":
            return len(value.encode())
        case "B":
            return len(value)
        case "N":
            return min(NUMBER, len(value) // 2 + 2)
        case "L":
            return OVERHEAD + sum(_size(each) + OVERHEAD for each in value)
        case "M":
            return OVERHEAD + sum(len(name.encode()) + _size(each) + OVERHEAD for name, each in value.items())
    return 1
