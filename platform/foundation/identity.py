"""Who is calling: a bearer token becomes a Caller, or an error; the same way on every platform and for both ways in.

Tokens are RS256 JWTs with Cognito's claims, verified against the issuer's published keys (RFC 7519, RFC 7517).
"""

import asyncio
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from foundation import adapters, keys
from foundation.errors import Forbidden, Unauthenticated, Unavailable
from foundation.fresh import Fresh
from foundation.ports import SCOPE
from foundation.settings import CHOSEN

SKEW: Final = 60
REFETCH: Final = 60.0
REMEMBERED: Final = 10_000
INACTIVE: Final = "Client ID not found, or its application is not active"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is done: everything that it touches belongs to `application`."""

    application: str
    client: str


def fetch_json(url: str) -> Any:
    """The JSON at an https or http URL of our own issuer; OSError or ValueError when there is none."""
    trusted = ssl.create_default_context(cafile=CHOSEN.ca_file or None) if url.startswith("https:") else None
    with urllib.request.urlopen(url, timeout=5, context=trusted) as answer:  # noqa: S310 (the URL is a setting)
        return json.load(answer)


@dataclass
class PublishedKeys:
    """The keys that an issuer publishes, fetched when one is missing, at most once a minute."""

    issuer: str
    fetch: Callable[[str], Any] = fetch_json
    clock: Callable[[], float] = time.monotonic
    keys: KeySet | None = None
    tried: float | None = None
    failed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def holding(self, kid: str) -> KeySet:
        """A key set that has `kid`. Unauthenticated when the issuer has no such key, Unavailable when it cannot be asked."""
        found = self._with(kid)  # without the lock: a known key does not wait for an issuer that hangs
        if found is not None:
            return found
        with self.lock:
            if self._with(kid) is None and self._may_fetch():
                self._fetch()
            found = self._with(kid)
        if found is not None:
            return found
        if self.failed:
            raise Unavailable("the token issuer's keys cannot be fetched right now; try again", retry_after=5)
        raise Unauthenticated("Invalid token")

    def _with(self, kid: str) -> KeySet | None:
        keys = self.keys
        return keys if keys is not None and any(key.kid == kid for key in keys.keys) else None

    def _may_fetch(self) -> bool:
        return self.tried is None or self.clock() - self.tried >= (1 if self.keys is None else REFETCH)

    def _fetch(self) -> None:
        try:
            self.keys, self.failed = KeySet.import_key_set(self.fetch(f"{self.issuer}/.well-known/jwks.json")), False
        except (OSError, HTTPException, JoseError, ValueError, TypeError, LookupError):
            self.failed = True
        finally:
            self.tried = self.clock()


@dataclass
class Verifier:
    """Verifies one issuer's tokens of one use, and remembers the good ones until they expire."""

    keys: PublishedKeys
    token_use: str
    wall: Callable[[], float] = time.time
    seen: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a good token; Unauthenticated says no more than that a token is not good, Unavailable see above."""
        known = self.seen.get(token)
        if known is None:
            known = self._verified(token)
            if len(self.seen) >= REMEMBERED:
                self.seen.clear()
            self.seen[token] = known
        if known["exp"] + SKEW < self.wall():
            self.seen.pop(token, None)
            raise Unauthenticated("Token has expired")
        return known

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, RecursionError) as malformed:
            raise Unauthenticated("Invalid token") from malformed
        kid = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(kid, str) or not kid:
            raise Unauthenticated("Invalid token")
        if header.keys() & {"jwk", "jku", "x5u", "x5c", "crit"}:
            raise Unauthenticated("Invalid token")
        keys = self.keys.holding(kid)
        try:
            claims = dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)
        except (JoseError, ValueError, TypeError, RecursionError) as refused:
            raise Unauthenticated("Invalid token") from refused
        moment = self.wall()
        good = (
            claims.get("iss") == self.keys.issuer
            and claims.get("token_use") == self.token_use
            and _moment(claims.get("exp")) is not None
            and all(
                _moment(claims[name]) is not None and claims[name] <= moment + SKEW for name in ("nbf", "iat") if name in claims
            )
        )
        if not good:
            raise Unauthenticated("Invalid token")
        return claims


def _moment(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 2**53 else None  # neither NaN nor infinite


applications: Final = Verifier(PublishedKeys(CHOSEN.applications_issuer), "access")
administrators: Final = Verifier(PublishedKeys(CHOSEN.administrators_issuer), "access")


def _active(client: str) -> Caller | None:
    found = adapters.directory.find(client)
    return Caller(found.application, client) if found is not None and found.active else None


_callers: Final = Fresh(_active)


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header, with or without the word Bearer before it."""
    if not authorization:
        raise Unauthenticated("Authorization header missing")
    word, _, rest = authorization.strip().partition(" ")
    return rest.strip() if word.lower() == "bearer" and rest else authorization.strip()


def credential(headers: Mapping[str, str]) -> str | None:
    """What a request shows of its caller: the Authorization header, or a key in `x-api-key`, as Anthropic's clients send it.

    With both, the Authorization header alone counts: nobody is let in by the second when the first is no good.
    """
    return headers.get("authorization") or headers.get("x-api-key")


def identify(authorization: str | None) -> Caller:
    """The caller of a request, from its Authorization header: an access token, or an API key.

    Unauthenticated without a good one of a known and active client; Forbidden without the scope as an exact word.
    A client that was deactivated, or a key that was revoked, is out within 5 seconds.
    """
    return _caller(bearer(authorization))


def _caller(shown: str) -> Caller:
    if keys.is_key(shown):
        held = keys.holder(shown)
        client = held.client if held is not None else ""
    else:
        client = _client(applications.claims(shown))
    caller = _callers.get(client) if client else None
    if caller is None:
        raise Unauthenticated("Invalid API key" if keys.is_key(shown) else INACTIVE)
    return caller


async def identified(authorization: str | None) -> Caller:
    """`identify`, outside the event loop when something has to be asked for."""
    shown = bearer(authorization)
    return _caller(shown) if is_at_hand(shown) else await asyncio.to_thread(_caller, shown)


def is_at_hand(shown: str) -> bool:
    """Whether the caller who shows this token or key is told from memory, without asking anything: an event loop may then do
    it itself."""
    if keys.is_key(shown):
        return keys.is_at_hand(shown, _callers.is_at_hand)
    known = applications.seen.get(shown)
    return known is not None and _callers.is_at_hand(str(known.get("client_id")))


def _client(claims: Mapping[str, Any]) -> str:
    client = claims.get("client_id")
    if not isinstance(client, str) or not client:
        raise Unauthenticated("Client ID not found in token")
    if SCOPE not in str(claims.get("scope", "")).split(" "):
        raise Forbidden(f"the token lacks the scope {SCOPE}")
    return client
