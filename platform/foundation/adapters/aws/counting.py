"""Adding to the numbers of a record in DynamoDB, once for each token, without a transaction.

A token that is counted goes, in the same write, into `recent`, a set on the record that later writes look at. When the set
has WINDOW tokens, each of them gets an item of its own, a marker, and leaves the set; `spills` counts how often that
happened, and `born` names the record's life, so that markers of one that was deleted mean nothing to the next.

Why no token counts twice: a token that was counted is in the set or has a marker. Whoever adds knows `born` and `spills`
from before it looked for the marker, and its write is refused unless both still hold and the set lacks the token. Had the
token left the set since, `spills` would be another; had it left before, the marker would have been seen. So a record keeps
its size whatever is counted on it. A marker goes after MARKER_DAYS, which is longer than any message lives.

An addition is one request while fewer than WINDOW tokens were ever counted, two from then on, and two more each time the
set is full.
"""

import hashlib
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any, Final

from foundation.adapters.aws.clients import answering
from foundation.adapters.aws.expressions import ALL_OLD, Terms, alive
from foundation.adapters.aws.tables import TTL
from foundation.adapters.aws.values import Attribute, Item, attribute, default_of, value_of
from foundation.adapters.aws.writing import WHAT, write
from foundation.ambient import new_secret, now
from foundation.errors import Unavailable
from foundation.records import Record

WINDOW: Final = 25  # as many items as one BatchWriteItem puts
MARKER_DAYS: Final = 60
REMEMBERED: Final = 10_000


def short(token: str) -> str:
    """A token as the set holds it: 96 bits of its digest."""
    return b64encode(hashlib.blake2b(token.encode(), digest_size=12).digest()).decode()


def marker_key(place: Mapping[str, str], born: str, token: str) -> Item:
    """The key of a token's marker, in the record's table; `token` is short."""
    named = "\x00".join((place["pk"], place["sk"], born, token))
    digest = hashlib.blake2b(named.encode(errors="surrogatepass"), digest_size=18).digest()
    return {"pk": {"S": f"once={b64encode(digest).decode()}"}, "sk": {"S": "="}}


@dataclass(frozen=True, slots=True)
class Life:
    """What an addition must know of a record: its name and how often its tokens got markers. No name: they never did."""

    born: str = ""
    spills: int = 0

    @staticmethod
    def of(item: Item) -> "Life":
        """The life of an item as it was read."""
        return Life(item["born"]["S"], int(item["spills"]["N"])) if "spills" in item else Life()


@dataclass(frozen=True, slots=True)
class Lives:
    """The lives that this process has seen lately. One that is out of date costs a request, never a count."""

    seen: OrderedDict[tuple[str, ...], Life] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def get(self, *place: str) -> Life:
        """The life of a record, as it was."""
        with self.lock:
            return self.seen.get(place, Life())

    def put(self, life: Life, *place: str) -> None:
        """Remember it, and forget the one that was remembered first when there are too many."""
        with self.lock:
            self.seen[place] = life
            if len(self.seen) > REMEMBERED:
                self.seen.popitem(last=False)


def addition(
    table: str,
    kind: type[Record],
    place: Mapping[str, str],
    by: Mapping[str, int | float],
    token: str | None,
    life: Life,
    also: Mapping[str, Any],
) -> dict[str, Any]:
    """The request that adds, and sets `also`; refused when the record is not there, has another life, or has the token in
    its set."""
    terms = Terms()
    sums = [
        f"{terms.name(name)} = {_there(terms, kind, name)} + {terms.value(attribute(amount))}" for name, amount in by.items()
    ]
    sums += [f"{terms.name(name)} = {terms.value(value_of(value))}" for name, value in also.items()]
    revision = terms.name("revision")
    change = f"SET {revision} = {revision} + {terms.value({'N': '1'})}" + "".join(f", {each}" for each in sums)
    condition = alive(terms, kind)
    if token is not None:
        recent = terms.name("recent")
        change += f" ADD {recent} {terms.value({'SS': [token]})}"
        condition += f" AND NOT contains({recent}, {terms.value({'S': token})}) AND {_same(terms, life)}"
    return {
        "TableName": table,
        "Key": {name: {"S": text} for name, text in place.items()},
        "UpdateExpression": change,
        "ConditionExpression": condition,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": ALL_OLD,
        **terms.parameters(),
    }


def _there(terms: Terms, kind: type[Record], name: str) -> str:
    default = default_of(kind, name)
    return terms.name(name) if default is None else f"if_not_exists({terms.name(name)}, {terms.value(default)})"


def _same(terms: Terms, life: Life) -> str:
    spills = terms.name("spills")
    if not life.born:
        return f"attribute_not_exists({spills})"
    born = terms.name("born")
    return f"{spills} = {terms.value({'N': str(life.spills)})} AND {born} = {terms.value({'S': life.born})}"


def is_marked(client: Any, table: str, place: Mapping[str, str], life: Life, token: str) -> bool:
    """Whether a token that left the set was counted; no request where none ever left it."""
    if not life.born:
        return False
    with answering(WHAT):
        answer = client.get_item(TableName=table, Key=marker_key(place, life.born, token), ConsistentRead=True)
    return "Item" in answer


def spill(client: Any, table: str, place: Mapping[str, str], item: Item) -> Life:
    """Give markers to the tokens of a full set and take them out of it; the record's life after that.

    When somebody else did so first, or the store did not take all markers, nothing changes but the time of the next one; nor
    when the record is another by now: that begins with revision 1.
    """
    before = Life.of(item)
    born = before.born or new_secret(9)
    tokens = item["recent"]["SS"][:WINDOW]
    ends: Attribute = {"N": str(int((now() + timedelta(days=MARKER_DAYS)).timestamp()))}
    markers = [{"PutRequest": {"Item": marker_key(place, born, token) | {TTL: ends}}} for token in tokens]
    with answering(WHAT):
        left = client.batch_write_item(RequestItems={table: markers}).get("UnprocessedItems")
    if left:
        return before
    terms = Terms()
    condition = _same(terms, before)
    moved = terms.value({"SS": tokens})
    after = Life(born, before.spills + 1)
    change = (
        f"SET {terms.name('spills')} = {terms.value({'N': str(after.spills)})}, {terms.name('born')} = "
        f"{terms.value({'S': born})} DELETE {terms.name('recent')} {moved}"
    )
    request = {
        "TableName": table,
        "Key": {name: {"S": text} for name, text in place.items()},
        "UpdateExpression": change,
        "ConditionExpression": f"{condition} AND {terms.name('revision')} >= {terms.value(item['revision'])}",
        **terms.parameters(),
    }
    return after if write(client, request).done else before


def spill_if_full(client: Any, table: str, place: Mapping[str, str], item: Item) -> Life:
    """The life of a record after an addition: its tokens got markers, if there were enough of them. The addition stands."""
    if len(item["recent"]["SS"]) < WINDOW:
        return Life.of(item)
    with suppress(Unavailable):
        return spill(client, table, place, item)
    return Life.of(item)
