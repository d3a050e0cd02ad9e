"""What DynamoDB is asked to do with one item: conditions and changes, as its parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from foundation.adapters.aws.tables import place_of, table_of
from foundation.adapters.aws.values import Attribute, item_of, removable, value_of
from foundation.ambient import now
from foundation.records import ANY, Absent, Record, key_of, sortable

ALL_OLD = "ALL_OLD"


@dataclass(frozen=True, slots=True)
class Terms:
    """The names and values that the expressions of one request speak of, each under a short mark."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Attribute] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """The mark of an attribute's name."""
        return self.names.setdefault(name, f"#{len(self.names)}")

    def value(self, value: Attribute) -> str:
        """The mark of a value."""
        mark = f":{len(self.values)}"
        self.values[mark] = value
        return mark

    def parameters(self) -> dict[str, Any]:
        """What goes with the expressions into the request."""
        named = {mark: name for name, mark in self.names.items()}
        given: Mapping[str, Any] = {"ExpressionAttributeNames": named, "ExpressionAttributeValues": self.values}
        return {name: value for name, value in given.items() if value}


def alive(terms: Terms, kind: type[Record]) -> str:
    """The condition that the record is there and has not expired."""
    there = f"attribute_exists({terms.name('pk')})"
    expires = kind.kind.expires
    if expires is None:
        return there
    until, moment, none = terms.name(expires), terms.value({"S": sortable(now())}), terms.value({"S": "NULL"})
    return f"{there} AND (attribute_not_exists({until}) OR attribute_type({until}, {none}) OR {until} > {moment})"


def vacant(terms: Terms, kind: type[Record]) -> str:
    """The condition that there is no record, or one that has expired."""
    absent = f"attribute_not_exists({terms.name('pk')})"
    expires = kind.kind.expires
    return f"{absent} OR {terms.name(expires)} <= {terms.value({'S': sortable(now())})}" if expires else absent


def stored_anew(table: str, record: Record, **more: Attribute) -> dict[str, Any]:
    """Puts a record where none is, as the first revision."""
    terms = Terms()
    return {
        "TableName": table,
        "Item": item_of(replace(record, revision=1)) | more,
        "ConditionExpression": vacant(terms, type(record)),
        "ReturnValuesOnConditionCheckFailure": ALL_OLD,
        **terms.parameters(),
    }


def changed(table: str, record: Record, expect: int | Absent) -> dict[str, Any]:
    """Changes the record that is there at revision `expect`; ANY: at whatever revision, or makes it. What was counted once
    on it stays."""
    kind, terms = type(record), Terms()
    item = item_of(record)
    key = {name: item.pop(name) for name in (table_of(kind).key.partition, table_of(kind).key.sort)}
    del item["revision"]
    revision, one = terms.name("revision"), terms.value({"N": "1"})
    if expect is ANY:
        next_one = f"if_not_exists({revision}, {terms.value({'N': '0'})}) + {one}"
        condition = f"attribute_not_exists({terms.name('pk')}) OR ({alive(terms, kind)})"
    else:
        next_one = f"{revision} + {one}"
        condition = f"{revision} = {terms.value({'N': str(expect)})} AND {alive(terms, kind)}"
    sets = ", ".join(f"{terms.name(name)} = {terms.value(value)}" for name, value in item.items())
    gone = ", ".join(terms.name(name) for name in sorted(removable(kind) - item.keys()))
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": f"SET {revision} = {next_one}, {sets}" + (f" REMOVE {gone}" if gone else ""),
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": ALL_OLD,
        **({"ReturnValues": "UPDATED_NEW"} if expect is ANY else {}),
        **terms.parameters(),
    }


def removed(table: str, record: Record, same: Sequence[str]) -> dict[str, Any]:
    """Removes the record where it is there with the record's own values in these fields."""
    kind, terms = type(record), Terms()
    held = [f"{terms.name(name)} = {terms.value(value_of(getattr(record, name)))}" for name in same]
    place = place_of(table_of(kind), key_of(record, kind.kind.key))
    return {
        "TableName": table,
        "Key": {name: {"S": text} for name, text in place.items()},
        "ConditionExpression": " AND ".join([f"({alive(terms, kind)})", *held]),
        **terms.parameters(),
    }
