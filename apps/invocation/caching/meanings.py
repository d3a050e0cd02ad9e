"""What requests mean: embeddings of their last turns, and the nearest of those that an answer is kept for.

The embeddings of a bucket are one record, so that all processes see the same, and one read and one product of a matrix find
the nearest.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import structs

from apps.invocation import admission, routing
from apps.invocation.caching import places, words
from apps.invocation.caching.reading import Given, in_store
from apps.invocation.calls import Call, Slot
from apps.invocation.catalogue import held
from apps.invocation.claims import USED_UP
from apps.invocation.invocations import Message, Request, Role, Text
from apps.invocation.records import CachedMeanings, Kind
from apps.invocation.tries import SUCCESS
from apps.usage import services as usage
from foundation.adapters import records
from foundation.errors import Conflict, Problem
from foundation.settings import CHOSEN

if TYPE_CHECKING:
    import numpy as np

DIALECT: Final = "cache"  # how the account calls who asked for these embeddings
MOST: Final = 256  # embeddings in a bucket; then the oldest goes
TRIED: Final = 3  # of the nearest, as some may be too old by now
LARGEST: Final = 240_000  # bytes of a bucket: what a record can hold in every store


async def understood(call: Call, slot: Slot) -> Slot:
    """The slot with what the call's last turn means; as it was where that cannot be told.

    The embedding is a call of its own on the account, in the dialect `cache`, and counts in the limits of tokens and in the
    budgets, as it costs; where it does not fit, nobody is told what the turn means. A turn of which the model reads only the
    beginning has no meaning here.
    """
    text = words.plain(call.request.messages[-1].text)
    request = Request(CHOSEN.vector_model, (Message(Role.USER, (Text(text),)),), labels=call.request.labels)
    try:
        served = held().serving(CHOSEN.vector_model, Kind.EMBED)
    except Problem:
        return slot
    inner = Call(call.caller, request, call.policy, served.asked, served.by, DIALECT, trace=call.trace, counts=USED_UP)
    try:
        await admission.reserve(inner)
        made = await routing.embed(inner, [text], None)
    except Problem as failed:
        await ended(inner, failed.code)
        return slot
    except BaseException as broken:
        await ended(inner, routing.outcome_of(broken))
        raise
    await ended(inner, SUCCESS)
    window = inner.by.context_window
    if window is not None and made.input_tokens >= window:
        return slot
    return replace(slot, bucket=places.bucket_of(call), vector=tuple(made.vectors[0]))


async def ended(inner: Call, outcome: str) -> None:
    """Settle the call for an embedding, and put it on the account."""
    admission.settle(inner, inner.cost)
    await usage.note(inner.account(outcome), inner.reserved)


def nearest(call: Call, slot: Slot) -> Given | None:
    """The kept answer to the request of this bucket that means most nearly the same, if that is near enough."""
    held = records.get(CachedMeanings, call.caller.application, slot.bucket)
    if held is None or not held.places:
        return None
    likeness = matrix(held) @ packed(slot.vector).astype("float32")
    for best in (-likeness).argsort()[:TRIED]:
        if float(likeness[best]) < call.policy.caching.threshold:
            return None
        if found := in_store(call, held.places[best]):
            return found
    return None


def add(application: str, slot: Slot, ends: datetime) -> None:
    """Put a meaning into its bucket; the oldest ones go when it is full. Conflict when others change it all the time."""
    for _ in range(10):
        held = records.get(CachedMeanings, application, slot.bucket) or CachedMeanings(application, slot.bucket, ends)
        try:
            records.put(grown(held, slot, ends))
        except Conflict:
            continue
        return
    raise Conflict("a bucket of kept answers was changed by others all the time; try again")


def grown(held: CachedMeanings, slot: Slot, ends: datetime) -> CachedMeanings:
    """A bucket with one more meaning at its end; a place that it has already moves there."""
    row = packed(slot.vector).tobytes()
    most = min(MOST, LARGEST // len(row))
    old = base64.b64decode(held.vectors)
    rows = {place: old[n * len(row) : (n + 1) * len(row)] for n, place in enumerate(held.places)}
    rows.pop(slot.place, None)
    kept = [*rows.items(), (slot.place, row)][-most:]
    vectors = base64.b64encode(b"".join(vector for _, vector in kept)).decode()
    return structs.replace(held, places=tuple(place for place, _ in kept), vectors=vectors, expires=max(held.expires, ends))


def packed(vector: Sequence[float]) -> "np.ndarray":
    """A vector in half the bytes: of a cosine that takes less than a thousandth."""
    import numpy as np  # noqa: PLC0415 (heavy, and needed only where an application wants it)

    return np.asarray(vector, "<f2")


def matrix(held: CachedMeanings) -> "np.ndarray":
    """The vectors of a bucket, a row each."""
    import numpy as np  # noqa: PLC0415

    flat = np.frombuffer(base64.b64decode(held.vectors), "<f2").astype("float32")
    return flat.reshape(len(held.places), -1)
