"""Where the answer to a request lies: digests of all that decides about it."""

import hashlib
from typing import Final

import msgspec
from msgspec.structs import replace

from apps.applications.records import CacheScope
from apps.invocation.caching import words
from apps.invocation.calls import Call, Slot
from apps.invocation.invocations import Request, Role, Text
from foundation.settings import CHOSEN

FORMAT: Final = 2  # raised when a request or an answer gets another form, so that none is taken for what it is not
ENCODER: Final = msgspec.json.Encoder(order="deterministic")
LONGEST: Final = 1000  # characters of a turn that an embedding stands for; of longer ones models read the beginning only


def slot_of(call: Call) -> Slot | None:
    """The slot of a call: its place is that of this very request by this application to the models that answer it now.

    None where answers are kept for each user and no user is named, and for text that cannot be encoded.
    """
    by_user = call.policy.caching.scope is CacheScope.USER
    if by_user and not call.request.user:
        return None
    try:
        return Slot(digest(call, asked(call.request, by_user=by_user)), call.by.name)
    except UnicodeEncodeError:
        return None


def asked(request: Request, *, by_user: bool) -> Request:
    """What of a request decides about its answer: not what is said for the account alone."""
    return replace(request, model="", labels={}, prompt=None, user=request.user if by_user else None)


def digest(call: Call, *parts: object) -> str:
    """SHA-256 of the parts, the application, its guard, and the model that answers with where it runs."""
    models = [(call.by.name, [(place.provider, place.id, place.base_url, place.region) for place in call.by.placements])]
    whole = (FORMAT, call.caller.application, call.policy.guard, models, parts)
    return hashlib.sha256(ENCODER.encode(whole)).hexdigest()


def has_meaning(request: Request) -> bool:
    """Whether an embedding of its last turn can stand for the request: that is a user's, short, and all of it is text."""
    last = request.messages[-1]
    if request.tools or last.role is not Role.USER or not 0 < len(last.text) <= LONGEST:
        return False
    return all(isinstance(part, Text) for message in request.messages for part in message.content)


def bucket_of(call: Call) -> str:
    """Which requests may share an answer when their last turns mean the same: those with all else alike, and with the same
    words that an embedding is blind to."""
    by_user = call.policy.caching.scope is CacheScope.USER
    *before, last = asked(call.request, by_user=by_user).messages
    rest = replace(asked(call.request, by_user=by_user), messages=tuple(before))
    return digest(call, rest, words.decisive(words.plain(last.text)), CHOSEN.vector_model)
