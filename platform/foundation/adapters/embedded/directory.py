"""OAuth2 clients as records; their secrets only as salted hashes, so that no one can read a secret back."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from foundation.adapters.embedded import records as embedded_records
from foundation.ambient import new_secret
from foundation.apps import RegisteredClient
from foundation.errors import NotFound
from foundation.ports import Client, Credentials
from foundation.records import Records, update
from foundation.settings import Settings

NOBODY: Final = "00" * 16 + ":" + "00" * 32


def adapter(settings: Settings) -> "RecordedDirectory":
    """The clients of this machine."""
    return RecordedDirectory(embedded_records.adapter(settings))


def hashed(secret: str, salt: bytes | None = None) -> str:
    """A secret as `salt:hash`. The secrets are 32 random bytes, so one round of SHA-256 is as good as many."""
    grain = salt or new_secret(16)[:16].encode()
    return f"{grain.hex()}:{hashlib.sha256(grain + secret.encode(errors='surrogatepass')).hexdigest()}"


def matches(secret: str, kept: str) -> bool:
    """Whether `kept` is the hash of `secret`, in a time that does not tell."""
    return hmac.compare_digest(hashed(secret, bytes.fromhex(kept.partition(":")[0])), kept)


class RecordedDirectory:
    """The Directory port on Records."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def create(self, application: str, name: str) -> Credentials:
        client, secret = new_secret(20).replace("-", "a").replace("_", "b").lower()[:26], new_secret()
        self.records.put(RegisteredClient(client, application, name, True, (hashed(secret),)))
        return self._credentials(client, secret)

    def find(self, client: str) -> Client | None:
        found = self._found(client)
        return Client(found.client, found.application, found.active) if found else None

    def set_active(self, client: str, active: bool) -> None:
        self._changed(client, lambda found: replace(found, active=active) if found.active != active else None)

    def rotate(self, client: str) -> Credentials:
        secret = new_secret()
        kept = hashed(secret)
        self._changed(client, lambda found: replace(found, secrets=(*found.secrets[-1:], kept)))
        return self._credentials(client, secret)

    def revoke_old(self, client: str) -> int:
        before = self._found(client)
        self._changed(client, lambda found: replace(found, secrets=found.secrets[-1:]) if len(found.secrets) > 1 else None)
        return len(before.secrets) - 1 if before else 0

    def authenticate(self, client: str, secret: str) -> Client | None:
        found = self._found(client)
        good = [matches(secret, kept) for kept in (found.secrets if found else (NOBODY,))]
        return Client(found.client, found.application, found.active) if found and any(good) else None

    def delete(self, client: str) -> bool:
        return client.isprintable() and self.records.delete(RegisteredClient, client)

    def _found(self, client: str) -> RegisteredClient | None:
        return self.records.get(RegisteredClient, client) if client.isprintable() else None

    def _changed(self, client: str, change: Callable[[RegisteredClient], RegisteredClient | None]) -> None:
        if not client.isprintable() or update(self.records, RegisteredClient, client, change=change) is None:
            raise NotFound(f"there is no client {client}")

    def _credentials(self, client: str, secret: str) -> Credentials:
        return Credentials(client, secret, f"{client}_client_secret")
