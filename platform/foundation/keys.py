"""API keys: what an application shows instead of an access token, so that other vendors' SDKs work with a key alone.

A key is `gaf_` and 43 characters of 32 random bytes. It is shown once; kept are its first characters, by which people
recognise it, and its SHA-256 digest, under which it is found: the bytes are random, so one round of a hash is enough.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from foundation import adapters
from foundation.ambient import new_id, new_secret, now
from foundation.apps import ApiKey, KeyHolder
from foundation.errors import Invalid, NotFound
from foundation.fresh import Fresh
from foundation.records import Page, update

MARK: Final = "gaf_"
SHOWN: Final = 12


def is_key(shown: str) -> bool:
    """Whether this looks like an API key, and not like an access token."""
    return shown.startswith(MARK)


def digest(key: str) -> str:
    """The digest under which a key is found."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def found(place: str) -> ApiKey | None:
    """The key with this digest, good or not."""
    holder = adapters.records.get(KeyHolder, place)
    return adapters.records.get(ApiKey, holder.application, holder.key) if holder is not None else None


holders: Final[Fresh[str, ApiKey | None]] = Fresh(found)


def create(application: str, client: str, name: str, ends: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key, and its text, which is readable only now. Invalid when it would have ended already."""
    if ends is not None and ends <= now():
        raise Invalid("expires must lie in the future")
    text = MARK + new_secret()
    made = ApiKey(application, new_id(), client, name, text[:SHOWN], digest(text), now(), ends)
    adapters.records.batch([KeyHolder(made.digest, application, made.key), made])
    return find(application, made.key), text


def find(application: str, key: str) -> ApiKey:
    """One key of an application; NotFound."""
    held = adapters.records.get(ApiKey, application, key) if key.isprintable() else None
    if held is None:
        raise NotFound(f"there is no API key {key[:100]}")
    return held


def page(application: str, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
    """The keys of an application, newest first, with those that are no longer good."""
    return adapters.records.query(ApiKey, application, index="by_created", descending=True, limit=limit, cursor=cursor)


def rotate(application: str, key: str, old_ends: datetime) -> tuple[ApiKey, str]:
    """A new key of the same name; the old one is good until `old_ends`, unless it ends before."""
    old = find(application, key)
    if not old.good:
        raise Invalid(f"the API key {old.beginning}… is no longer good; create a new one")
    made, text = create(application, old.client, old.name, old.ends)
    change(application, key, lambda held: replace(held, ends=min(old_ends, held.ends or old_ends)))
    return made, text


def revoke(application: str, key: str) -> ApiKey:
    """End a key: it is refused everywhere within 5 seconds. A repeat changes nothing."""
    return change(application, key, lambda held: replace(held, revoked=True))


def change(application: str, key: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
    """Change a key; NotFound."""
    held = find(application, key)
    return update(adapters.records, ApiKey, application, held.key, change=change) or find(application, key)
