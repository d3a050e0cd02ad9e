"""Kept answers as they are read: under their application, and no older than its policy now says."""

from datetime import timedelta

from apps.invocation.calls import Call
from apps.invocation.records import CachedAnswer
from foundation.adapters import records
from foundation.ambient import now


def kept_at(call: Call, place: str) -> CachedAnswer | None:
    """The answer at a place, if it is no older than the application's policy now says."""
    found = records.get(CachedAnswer, call.caller.application, place)
    oldest = now() - timedelta(seconds=call.policy.caching.seconds)
    return found if found is not None and found.created > oldest else None
