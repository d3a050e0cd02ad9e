"""The signing keys of one pool: which one signs, which are published, and how a new one takes over.

A new key is published at once and signs only LEAD later. Whoever verifies tokens fetches the published keys when it sees an
unknown one, at most once a minute: since LEAD is longer than that minute, no good token is refused while keys change.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from joserfc.jwk import RSAKey

LEAD: Final = timedelta(seconds=90)
PUBLISHED_AFTERWARDS: Final = timedelta(hours=25)  # the longest token lifetime that can be set is 24 hours


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key that signs from `since` on; `private` is its JSON Web Key (RFC 7517) with the private part."""

    kid: str
    since: datetime
    private: str = field(repr=False)

    @property
    def rsa(self) -> RSAKey:
        """The key itself."""
        return imported(self.private)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one pool, oldest first."""

    keys: tuple[SigningKey, ...]

    def signing(self, moment: datetime) -> SigningKey:
        """The key that signs now: the newest whose time has come."""
        return [key for key in self.keys if key.since <= moment][-1]

    def published(self, moment: datetime) -> tuple[SigningKey, ...]:
        """Every key whose tokens may still be good, and those that have yet to sign."""
        successors = (*(key.since for key in self.keys[1:]), None)
        return tuple(
            key
            for key, successor in zip(self.keys, successors, strict=True)
            if successor is None or successor + PUBLISHED_AFTERWARDS > moment
        )

    def rotated(self, key: SigningKey, moment: datetime) -> "KeyRing":
        """The ring with a new key at its end, without the keys that are published no more."""
        return KeyRing((*self.published(moment), key))


def new_key(kid: str, since: datetime) -> SigningKey:
    """A fresh RSA key of 2,048 bits."""
    made = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})
    return SigningKey(kid, since, msgspec.json.encode(made.as_dict(private=True)).decode())


@lru_cache(maxsize=32)
def imported(private: str) -> RSAKey:
    """The key that a JSON Web Key describes; remembered, as importing one takes longer than signing with it."""
    return RSAKey.import_key(msgspec.json.decode(private))


def public_set(keys: tuple[SigningKey, ...]) -> dict[str, Any]:
    """The JSON Web Key Set of the public parts (RFC 7517, 5)."""
    return {"keys": [key.rsa.as_dict(private=False) for key in keys]}


@lru_cache(maxsize=8)
def decoded(text: str) -> KeyRing:
    """The ring that `encoded` wrote."""
    return msgspec.json.decode(text, type=KeyRing)


def encoded(ring: KeyRing) -> str:
    """The ring as text, private parts and all: for a store of secrets only."""
    return msgspec.json.encode(ring).decode()
