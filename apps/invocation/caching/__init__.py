"""Answers that are given again: to the very same request, or to one that means the same; opt-in, per application.

Kept is what left the platform, after the guard, when the model ended its answer by itself: no failure, nothing filtered, and
nothing that was cut at its greatest length. A request with `cache-control: no-cache` gets a new answer, which is kept; one
with `no-store` leaves no trace here. An application never gets what another one's request brought. Who has answers by
meaning has those to the very same request too, and by meaning only where the words that matter are the same (see words).
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from apps.invocation.caching import keeping, meanings, places
from apps.invocation.caching.reading import Given, in_memory, in_store
from apps.invocation.calls import Call
from apps.invocation.invocations import Completion
from foundation.ambient import now

EXACT: Final = "exact"
SEMANTIC: Final = "semantic"
NO_CACHE: Final = "no-cache"
NO_STORE: Final = "no-store"
DIRECTIVES: Final = frozenset({NO_CACHE, NO_STORE})
NONE: Final[frozenset[str]] = frozenset()


def directives(headers: Mapping[str, str]) -> frozenset[str]:
    """What a request's `cache-control` says here (RFC 9111, section 5.2.1); what else it may say is for other caches."""
    said = headers.get("cache-control")
    return NONE if said is None else DIRECTIVES & {word.strip().lower() for word in said.split(",")}


async def find(call: Call) -> Completion | None:
    """The kept answer to this call, or None. call.cache says how it was found, call.age how many seconds old it is."""
    wanted = call.policy.caching
    if not (wanted.exact or wanted.semantic) or NO_STORE in call.cache_control:
        return None
    call.slot = places.slot_of(call)
    if call.slot is None:
        return None
    is_new = NO_CACHE in call.cache_control
    found, how = None if is_new else await looked_up(call, call.slot.place), EXACT
    if found is None and wanted.semantic and places.has_meaning(call.request):
        call.slot = await meanings.understood(call, call.slot)
        if call.slot.bucket and not is_new:
            found, how = await asyncio.to_thread(meanings.nearest, call, call.slot), SEMANTIC
    if found is None:
        return None
    call.cache, call.age = how, max(0, int((now() - found.created).total_seconds()))
    return found.answer


async def looked_up(call: Call, place: str) -> Given | None:
    """The answer that lies at a place, if there is one."""
    return in_memory(call, place) or await asyncio.to_thread(in_store, call, place)


def keep(call: Call, answer: Completion) -> None:
    """Keep the answer for later calls where the application's policy says so: for the very same request to this process from
    now on, for all others soon. A call does not wait for the store."""
    slot = call.slot
    if slot is not None and call.by.name == slot.by and answer.content and answer.reason in keeping.KEEPABLE:
        keeping.keep(call.caller.application, slot, call.policy.caching.seconds, answer)
