"""One conditional write to DynamoDB, or several together, and how they ended."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.adapters.aws.clients import answering, code_of
from foundation.adapters.aws.values import Item, size_of
from foundation.ambient import number_between
from foundation.errors import Problem, Unavailable
from foundation.records import MOST_AT_ONCE

WHAT: Final = "DynamoDB"
REFUSED: Final = "ConditionalCheckFailedException"
BUSY: Final = "TransactionConflictException"
CANCELLED: Final = "TransactionCanceledException"
STALE_PART: Final = "ConditionalCheckFailed"
BUSY_PART: Final = "TransactionConflict"
WRONG_PART: Final = "ValidationError"
TRIES: Final = 100  # when others are at work on the same item all the time
LONGEST_PAUSE: Final = 0.2
LARGEST_BATCH: Final = 4 * 2**20  # bytes of a transaction, DynamoDB's limit


@dataclass(frozen=True, slots=True)
class Written:
    """How a write ended. done: it was made, and `item` is what was asked back; else `item` is what is there instead, None:
    nothing. repeated: AWS's client sent it more than once, so what is there may be its own work."""

    done: bool
    item: Item | None
    repeated: bool = False


def pause(tried: int) -> None:
    """Lets others go first, longer each time."""
    time.sleep(number_between(0, min(LONGEST_PAUSE, 0.005 * 2**tried)))


def patient(call: Callable[..., Any], **request: Any) -> Any:
    """What the call answers when no transaction is at work on the item any more."""
    for tried in range(TRIES):
        try:
            return call(**request)
        except ClientError as refused:
            if code_of(refused) != BUSY:
                raise
        pause(tried)
    raise Unavailable("DynamoDB is at work on the same record all the time", retry_after=5)


def write(client: Any, request: Mapping[str, Any]) -> Written:
    """Put or update one item. Unavailable when DynamoDB does not answer or has no throughput left."""
    with answering(WHAT):
        try:
            answer = patient(client.put_item if "Item" in request else client.update_item, **request)
        except ClientError as refused:
            if code_of(refused) != REFUSED:
                raise
            told: Mapping[str, Any] = refused.response
            return Written(False, told.get("Item"), bool(told.get("ResponseMetadata", {}).get("RetryAttempts")))
    return Written(True, answer.get("Attributes"))


def transact(client: Any, requests: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Make all of the writes or none: the places of those whose condition does not hold, none when they were made.

    One that AWS's client sent again is made once: it carries a token. Unavailable as for `write`.
    """
    if not requests:
        return ()
    together = [{_part(request): request} for request in requests]
    reasons: list[str] = []
    for tried in range(TRIES):
        with answering(WHAT):
            try:
                client.transact_write_items(TransactItems=together)
                return ()
            except ClientError as refused:
                if code_of(refused) != CANCELLED:
                    raise
                reasons = [str(reason.get("Code")) for reason in refused.response.get("CancellationReasons", ())]
        if STALE_PART in reasons:
            return [place for place, reason in enumerate(reasons) if reason == STALE_PART]
        if WRONG_PART in reasons:
            raise Problem(f"DynamoDB refuses the platform's writes together: {', '.join(reasons)}")
        if BUSY_PART not in reasons:
            break
        pause(tried)
    raise Unavailable(f"DynamoDB does not take the writes together: {', '.join(reasons)}", retry_after=5)


def fitting(puts: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The puts in their order, as many at once as a transaction takes."""
    some: list[Mapping[str, Any]] = []
    size = 0
    for put in puts:
        more = size_of(put["Item"])
        if some and (len(some) == MOST_AT_ONCE or size + more > LARGEST_BATCH):
            yield some
            some, size = [], 0
        some.append(put)
        size += more
    if some:
        yield some


def _part(request: Mapping[str, Any]) -> str:
    """What a request is called as a part of a transaction."""
    return "Put" if "Item" in request else "Update" if "UpdateExpression" in request else "Delete"
