"""What a capability stores: frozen records with a key and indexes, and the port through which every store is reached."""

import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from django.core import signing
from msgspec import Struct

from foundation.errors import Conflict, Invalid

SEPARATOR: Final = "\x1f"
MAXIMUM_PAGE: Final = 1000
MOST_AT_ONCE: Final = 100
UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of record is kept: its table, its key, and the indexes that can be asked for.

    The first field of a key or index groups records (DynamoDB: the partition), the rest orders them inside the group.
    spread: over how many partitions a store that has partitions lays each group, as one takes 1,000 writes a second.
    """

    table: str
    key: tuple[str, ...]
    indexes: Mapping[str, tuple[str, ...]]
    expires: str | None = None
    spread: int = 1


class Record(Struct, frozen=True, kw_only=True):
    """What every record has: `revision`, 0 before it is first stored and one higher with every change."""

    kind: ClassVar[Kind]

    revision: int = 0


T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Record)


def record(
    *,
    table: str,
    key: tuple[str, ...],
    indexes: Mapping[str, tuple[str, ...]] | None = None,
    expires: str | None = None,
    spread: int = 1,
) -> Callable[[type[R]], type[R]]:
    """Say how a class of record is kept. `key` and `indexes` name its fields; `expires` names a datetime field after which
    it is gone.

    `spread` is for records of which one group has more than 1,000 writes a second; a list of them costs so many queries.
    """

    def kept(kind: type[R]) -> type[R]:
        kind.kind = Kind(table, key, dict(indexes or {}), expires, spread)
        return kind

    return kept


class Absent(enum.Enum):
    """The one value ANY: put whatever is there now."""

    ANY = "any"


ANY: Final = Absent.ANY


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some of a list, and the cursor that continues it (None at its end)."""

    items: tuple[T_co, ...]
    cursor: str | None = None


class Records(Protocol):
    """Every verb there is over stored records. All are durable on return and safe between threads and processes.

    `key` is the values of the record's key fields in order. Raises Unavailable when the store does not answer.
    """

    def get(self, kind: type[R], *key: Any) -> R | None:
        """The record, or None when there is none or it has expired."""

    def put(self, record: R, *, expect: int | Absent | None = None) -> R:
        """Store the record and return it as stored, with its new revision.

        The store must hold exactly the record's own `revision` (0: nothing), or `expect` where given; else Conflict is
        raised and nothing changes. `expect=ANY` overwrites whatever is there. TooLarge when the store does not take so
        much; any takes 400 KB. Invalid for ids and names that are longer than it takes; any takes 900 bytes together.
        """

    def delete(self, kind: type[Record], *key: Any) -> bool:
        """Remove it, with all that was counted once on it; False when it was not there."""

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
        """A page of records whose key (or index) begins with `prefix`, in the order of the rest of the key.

        By key it has all that was stored before; by an index it may lack, or still have, what was changed a moment ago: on
        AWS an index follows its records a little later. What must be sure is read by its key, or decided by a put.

        `prefix` has at least the first field. `between` bounds the next field, both ends included. A cursor continues
        the very same query and no other; an altered or foreign one raises Invalid. `limit` is 1 to 1,000.
        """

    def increment(
        self,
        kind: type[R],
        *key: Any,
        by: Mapping[str, int | float],
        once: str | None = None,
        initial: R | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> R:
        """Add to numeric fields, and set those of `also`, atomically and return the record as it is then; no key or index
        names any of them.

        With `once`, a token that was counted on this record in the last 60 days changes nothing: no message lives as long.
        Without a record, `initial` is stored first; without both, NotFound. Without `once`, an addition whose answer was
        lost may be made twice.
        """

    def add(self, records: Sequence[Record]) -> None:
        """Put those that are new, however many, each whole, as the first revision. One whose key is there stays as it is; of
        two with one key the first is put.

        A repeat changes nothing. When it raises, some may be there; it raises what `put` does, but no Conflict.
        """

    def batch(self, records: Sequence[Record]) -> None:
        """Put up to 100 records as `put` does, all or none; Invalid for more. Conflict when any of them is stale, or two
        have one key. TooLarge when the store does not take so much; any takes 4 MB."""

    def remove(self, records: Sequence[Record], *, same: Sequence[str]) -> None:
        """Remove up to 100 records, with all that was counted once on them, all or none; Invalid for more.

        Each must be there with the values that it is given with in the fields of `same`, which are not None; else Conflict
        is raised and nothing changes. Nobody looks at the other fields. What was removed and made anew may have its revision
        again: name what tells it apart.
        """


def key_of(record: Record, fields: Sequence[str]) -> tuple[Any, ...]:
    """The values of `fields`, in order."""
    return tuple([getattr(record, name) for name in fields])


def identity(record: Record) -> tuple[Any, ...]:
    """What no two records have in common: the table and the key."""
    return (record.kind.table, *key_of(record, record.kind.key))


def batchable(records: Sequence[Record]) -> None:
    """Invalid for more records than a batch takes, Conflict for two of one key."""
    if len(records) > MOST_AT_ONCE:
        raise Invalid(f"a batch holds at most {MOST_AT_ONCE} records, not {len(records)}")
    if len({identity(each) for each in records}) < len(records):
        raise Conflict("a batch has two records of one key")


def addable(kind: type[Record], names: Iterable[str]) -> None:
    """TypeError for a field that a key or an index names, or by which the record expires: changing it would move the record."""
    declared = kind.kind
    lies_by = {*declared.key, declared.expires, *(name for fields in declared.indexes.values() for name in fields)}
    fixed = lies_by.intersection(names)
    if fixed:
        raise TypeError(f"{declared.table}: {', '.join(sorted(map(str, fixed)))} cannot be added to, as the record lies by it")


def scope_of(
    kind: type[Record], prefix: Sequence[Any], index: str | None, between: tuple[Any, Any] | None, descending: bool
) -> str:
    """What a query asks, as its cursors are bound to it."""
    return composed((kind.kind.table, index or "", len(prefix), *prefix, *(between or ()), int(descending)))


def sortable(value: Any) -> str:
    """A key value as text whose order is the value's own: text, whole numbers from 0, moments, enumerations of text."""
    if type(value) is str and value.isprintable():  # most are, and what can be printed is safe
        return value
    match value:
        case enum.Enum():
            return sortable(value.value)
        case str():
            if UNSAFE.search(value):
                raise Invalid("an id or name must not hold control characters or marks that turn the direction of writing")
            return value
        case bool():
            return str(int(value))
        case int() if 0 <= value < 10**19:
            return f"{value:019d}"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"{value!r} cannot be part of a key")


def composed(values: Sequence[Any]) -> str:
    """Several key values as one text that sorts as they do, one after the other."""
    return SEPARATOR.join([sortable(value) for value in values])


def seal_cursor(scope: str, position: Sequence[str]) -> str:
    """An opaque cursor at `position` that only a query of the same `scope` can open."""
    return signing.dumps(list(position), salt=f"cursor:{scope}", compress=True)


def open_cursor(scope: str, cursor: str) -> list[str]:
    """The position in a cursor made by `seal_cursor` for the same scope; Invalid for any other text."""
    try:
        return [str(part) for part in signing.loads(cursor, salt=f"cursor:{scope}")]
    except (signing.BadSignature, ValueError) as refused:
        raise Invalid("cursor: not a cursor of this list; ask for the first page without one") from refused


def update(records: Records, kind: type[R], *key: Any, change: Callable[[R], R | None], known: R | None = None) -> R | None:
    """Read, change, put, and again from the start when somebody else was faster.

    `change` gets the record and returns its new value, or None to leave it. Returns what is stored at the end, None when
    there is no such record. `known` is the record as it was read a moment ago, which is tried first in place of a read.
    """
    for tried in range(100):
        found = records.get(kind, *key) if known is None or tried else known
        if found is None:
            return None
        wanted = change(found)
        if wanted is None:
            return found
        try:
            return records.put(wanted)
        except Conflict:
            continue
    raise Conflict(f"{kind.kind.table} was changed by others all the time; try again")
