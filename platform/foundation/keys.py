"""API keys: what an application shows instead of an access token, so that other vendors' SDKs work with a key alone.

A key is `gaf_`, 43 characters of 32 random bytes, and 8 characters that only this platform can add to them: what others
make up is refused without asking the store. It is shown once; kept are its first characters, by which people recognise it,
and its SHA-256 digest, under which it is found: the bytes are random, so one round of a hash is enough.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Final

from msgspec.structs import replace

from foundation import adapters
from foundation.ambient import new_id, new_secret, now
from foundation.apps import SEAL, ApiKey, KeyHolder
from foundation.errors import Invalid, NotFound
from foundation.fresh import Fresh
from foundation.records import Page, update

MARK: Final = "gaf_"
SHOWN: Final = 12
RANDOM: Final = 32
BODY: Final = len(MARK) + 43  # 32 bytes in base64 without padding
SEAL_BYTES: Final = 6


def is_key(shown: str) -> bool:
    """Whether this looks like an API key, and not like an access token."""
    return shown.startswith(MARK)


def digest(key: str) -> str:
    """The digest under which a key is found."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


@cache
def sealing() -> bytes:
    """What the platform's own seal on a key is made with; asked for once in a process."""
    return adapters.secrets.create(SEAL, new_secret(48)).encode()


def seal(body: str) -> str:
    """The last characters of the key that begins so."""
    mac = hmac.digest(sealing(), body.encode(errors="surrogatepass"), "sha256")
    return urlsafe_b64encode(mac[:SEAL_BYTES]).decode()


def is_ours(key: str) -> bool:
    """Whether this platform made this key at some time. Takes the same time wherever a wrong seal differs."""
    ending = key[BODY:].encode(errors="surrogatepass")
    return hmac.compare_digest(seal(key[:BODY]).encode(), ending)


def holder(key: str) -> ApiKey | None:
    """The good key with this text, as it was at most 5 seconds ago; what is remembered is bounded by the keys there are."""
    place = digest(key)
    if not holders.is_at_hand(place) and not is_ours(key):
        return None
    held = holders.get(place)
    return held if held is not None and held.good else None


def is_at_hand(key: str, client_is_at_hand: Callable[[str], bool]) -> bool:
    """Whether `holder`, and then who its client is, would be answered from memory."""
    place = digest(key)
    if not holders.is_at_hand(place):
        return sealing.cache_info().currsize > 0 and not is_ours(key)
    held = holders.get(place)
    return held is None or not held.good or client_is_at_hand(held.client)


def found(place: str) -> ApiKey | None:
    """The key with this digest, good or not."""
    holder = adapters.records.get(KeyHolder, place)
    return adapters.records.get(ApiKey, holder.application, holder.key) if holder is not None else None


holders: Final[Fresh[str, ApiKey | None]] = Fresh(found)


def create(application: str, client: str, name: str, ends: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key, and its text, which is readable only now. Invalid when it would have ended already."""
    if ends is not None and ends <= now():
        raise Invalid("expires must lie in the future")
    body = MARK + new_secret(RANDOM)
    text = body + seal(body)
    made = ApiKey(application, new_id(), client, name, text[:SHOWN], digest(text), now(), ends)
    adapters.records.batch([KeyHolder(made.digest, application, made.key), made])
    return find(application, made.key), text


def find(application: str, key: str) -> ApiKey:
    """One key of an application; NotFound."""
    held = adapters.records.get(ApiKey, application, key) if key.isprintable() else None
    if held is None:
        raise NotFound(f"there is no API key {key[:100]}")
    return held


def anywhere(key: str) -> ApiKey:
    """A key by its id alone, for operators, who may see every application's; NotFound."""
    held = adapters.records.query(ApiKey, key, index="by_key", limit=1).items if key.isprintable() else ()
    if not held:
        raise NotFound(f"there is no API key {key[:100]}; `manage.py keys list` shows them all")
    return held[0]


def page(application: str, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
    """The keys of an application, newest first, with those that are no longer good."""
    return adapters.records.query(ApiKey, application, index="by_created", descending=True, limit=limit, cursor=cursor)


def rotate(application: str, key: str, old_ends: datetime) -> tuple[ApiKey, str]:
    """A new key of the same name and lifetime; the old one is good until `old_ends`, unless it ends before. Invalid for one
    that is no longer good."""
    old = find(application, key)
    if not old.good:
        raise Invalid(f"the API key {old.beginning}… is {old.state}; create a new one")
    made, text = create(application, old.client, old.name, old.ends and now() + (old.ends - old.created))
    change(old, lambda held: replace(held, ends=min(old_ends, held.ends or old_ends)))
    return made, text


def revoke(application: str, key: str) -> ApiKey:
    """End a key: it is refused everywhere within 5 seconds. A repeat changes nothing."""
    return change(find(application, key), lambda held: None if held.revoked else replace(held, revoked=True))


def change(held: ApiKey, change: Callable[[ApiKey], ApiKey | None]) -> ApiKey:
    """The key as it is stored after the change; this process knows it at once, every other within 5 seconds."""
    stored = update(adapters.records, ApiKey, held.application, held.key, change=change)
    holders.forget(held.digest)
    return stored or held
