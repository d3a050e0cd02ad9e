"""Which part of a table or index a query of records asks for: its partitions and the two edges of its sort key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from foundation.adapters.aws.tables import LONGEST_PLACE, MARK, Order
from foundation.errors import Invalid
from foundation.records import SEPARATOR, composed, sortable

AFTER: Final = " "  # a value that ends or goes on with SEPARATOR sorts before this, a longer value does not
END: Final = chr(ord(MARK) + 1)


@dataclass(frozen=True, slots=True)
class Range:
    """The sort keys from `low` to `high`, but for those in `without`: DynamoDB has no range that lacks one of its ends."""

    low: str
    high: str
    without: frozenset[str] = frozenset()

    def after(self, place: str, descending: bool) -> "Range":
        """What of it comes after a place."""
        edge = {"high": place} if descending else {"low": place}
        return replace(self, without=self.without | {place}, **edge)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can lie in it."""
        return self.low > self.high


def range_of(order: Order, prefix: Sequence[Any], between: tuple[Any, Any] | None) -> Range:
    """The places of the records whose fields begin with `prefix`, and whose next field lies between the two bounds."""
    whole = MARK + composed(prefix[1:])
    if len(prefix) == len(order.fields):
        return _bounded(Range(whole, whole))
    beginning = whole + SEPARATOR if len(prefix) > 1 else MARK
    if between is not None:
        low, high = (beginning + sortable(bound) for bound in between)
        return _bounded(Range(low, high + AFTER, frozenset({high + AFTER})))
    high = whole + AFTER if len(prefix) > 1 else END
    return _bounded(Range(beginning, high, frozenset({high})))


def _bounded(asked: Range) -> Range:
    if max(len(asked.low.encode()), len(asked.high.encode())) > LONGEST_PLACE:
        raise Invalid(f"what is asked for is longer than {LONGEST_PLACE} bytes: {asked.low[:100]}…")
    return asked
