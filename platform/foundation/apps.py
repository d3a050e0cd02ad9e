"""The foundation as a Django app: the records that it keeps itself, and its commands."""

import enum
from datetime import datetime
from typing import Final

from django.apps import AppConfig

from foundation.ambient import now
from foundation.manifest import Folder
from foundation.records import Record, record

SEAL: Final = "api_keys"  # the secret that seals keys
PROBE: Final = "doctor"  # the secret that `manage.py doctor` keeps and reads


@record(table="clients", key=("client",))
class RegisteredClient(Record, frozen=True):
    """An OAuth2 client and the application it speaks for; `secrets` are hashes, newest last; none where Cognito has them."""

    client: str
    application: str
    name: str
    active: bool
    secrets: tuple[str, ...]


@record(table="sessions", key=("session",), expires="until")
class Session(Record, frozen=True):
    """A browser's session; `content` is signed and encoded by Django."""

    session: str
    content: str
    until: datetime


class KeyState(enum.StrEnum):
    """Whether a key lets anybody in, or why not."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@record(
    table="api_keys",
    key=("application", "key"),
    indexes={"by_created": ("application", "created"), "by_key": ("key",)},
)
class ApiKey(Record, frozen=True):
    """A key of an application. `beginning` are its first characters; `ends` is when it stops being good, None: never."""

    application: str
    key: str
    client: str
    name: str
    beginning: str
    digest: str
    created: datetime
    ends: datetime | None = None
    revoked: bool = False

    @property
    def state(self) -> KeyState:
        """What it is good for now."""
        if self.revoked:
            return KeyState.REVOKED
        return KeyState.ACTIVE if self.ends is None or self.ends > now() else KeyState.EXPIRED

    @property
    def good(self) -> bool:
        """Whether it lets anybody in now."""
        return self.state is KeyState.ACTIVE


@record(table="api_key_holders", key=("digest",))
class KeyHolder(Record, frozen=True):
    """Finds a key by its digest."""

    digest: str
    application: str
    key: str


class Foundation(AppConfig):
    """What every process has, whatever it serves.

    read: the records that each reads by key, to know who calls; who writes which says so in its manifest. secrets: those that
    are the platform's own.
    """

    name = "foundation"
    records = (RegisteredClient, Session, ApiKey, KeyHolder)
    read = (RegisteredClient, ApiKey, KeyHolder)
    secrets = (SEAL, PROBE)
    files = (Folder("uploads", writes=True, days=30),)
