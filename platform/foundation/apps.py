"""The foundation as a Django app: the records that it keeps itself, and its commands."""

from datetime import datetime

from django.apps import AppConfig

from foundation.manifest import Folder
from foundation.records import Record, record


@record(table="clients", key=("client",), indexes={"by_application": ("application", "client")})
class RegisteredClient(Record):
    """An OAuth2 client as the embedded directory keeps it; `secrets` are hashes, newest last."""

    client: str
    application: str
    name: str
    active: bool
    secrets: tuple[str, ...]


@record(table="sessions", key=("session",), expires="until")
class Session(Record):
    """A browser's session; `content` is signed and encoded by Django."""

    session: str
    content: str
    until: datetime


class Foundation(AppConfig):
    """What every process has, whatever it serves."""

    name = "foundation"
    records = (RegisteredClient, Session)
    files = (Folder("uploads", writes=True),)
