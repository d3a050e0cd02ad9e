"""Answers that are given again: to the very same request, or to one that means the same; opt-in, per application.

Kept is what left the platform, after the guard, when the model ended its answer by itself: no failure, nothing filtered, and
nothing that was cut at its greatest length. A request with `cache-control: no-cache` gets a new answer, which is kept; one
with `no-store` leaves no trace here. An application never gets what another one's request brought.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from apps.invocation.caching import keeping, meanings, places
from apps.invocation.caching.reading import kept_at
from apps.invocation.calls import Call, Slot
from apps.invocation.invocations import Completion
from apps.invocation.records import CachedAnswer
from foundation.ambient import now
from foundation.grouped import Full

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
    call.slot, found = await asyncio.to_thread(looked_up, call)
    how = EXACT
    if found is None and call.slot is not None and wanted.semantic and places.has_meaning(call.request):
        call.slot = await meanings.understood(call, call.slot)
        if call.slot.bucket and NO_CACHE not in call.cache_control:
            found, how = await asyncio.to_thread(meanings.nearest, call, call.slot), SEMANTIC
    if found is None:
        return None
    call.cache, call.age = how, max(0, int((now() - found.created).total_seconds()))
    return found.completion


def looked_up(call: Call) -> tuple[Slot | None, CachedAnswer | None]:
    """The slot of this very request, None where it has none; and the answer that lies in it, if there is one."""
    slot = places.slot_of(call)
    if slot is None or not call.policy.caching.exact or NO_CACHE in call.cache_control:
        return slot, None
    return slot, kept_at(call, slot.place)


def keep(call: Call, answer: Completion) -> None:
    """Keep the answer for later calls, soon, where the application's policy says so; a call does not wait for it."""
    slot = call.slot
    if slot is not None and call.by.name == slot.by and answer.content and answer.reason in keeping.KEEPABLE:
        with suppress(Full):  # then it is not kept, and the next call asks again
            keeping.writing.later(keeping.Kept(call.caller.application, slot, call.policy.caching.seconds, answer))
