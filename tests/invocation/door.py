"""The platform of this process as one application sees it, over ASGI: hot routes and Django alike."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.applications import services as applications
from apps.applications.records import Policy
from foundation.asgi import application as platform
from foundation.errors import Unavailable
from foundation.identity import Caller, identify
from tests.contract.document import own
from tests.forging import good_token, new_client
from tests.running import wait_for
from tests.serving import serving


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that a 422 names, each with its path."""
        return [".".join(map(str, issue["loc"])) for issue in self.json["issues"]]


@dataclass(frozen=True)
class Door:
    """An application with a token that the platform has seen."""

    caller: Caller
    token: str

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST of a JSON value, or of bytes as they are."""
        return await ask("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), self.token, headers)

    async def get(self, path: str) -> Answer:
        return await ask("GET", path, b"", self.token, {})


def opened() -> Door:
    """The door of a new application."""
    credentials = new_client("models")
    token = good_token(credentials)
    return Door(seen(token), token)


def onboarded(**policy: Any) -> Door:
    """The door of a new application that an administrator has onboarded, with this policy."""
    application, credentials = applications.create(f"models {uuid.uuid4()}", "It calls models.")
    applications.set_policy(Policy(application.application, **policy))
    token = good_token(credentials)
    return Door(seen(token), token)


def seen(token: str) -> Caller:
    """Who the platform says this is; the issuer is served for as long as its keys are not known here."""
    try:
        return identify(f"Bearer {token}")
    except Unavailable:
        with serving():
            return wait_for(lambda: let_in(token), 10)


def let_in(token: str) -> Caller | None:
    try:
        return identify(f"Bearer {token}")
    except Unavailable:
        return None


async def ask(method: str, path: str, body: bytes, token: str | None, headers: Mapping[str, str]) -> Answer:
    """One request through the ASGI application."""
    bare, _, query = path.partition("?")
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    given += [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "headers": [*given, (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    incoming, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> Any:
        return incoming.pop() if incoming else await wait_for_ever()

    async def send(message: Any) -> None:
        sent.append(message)

    await platform(scope, receive, send)
    told: dict[str, str] = {}
    for name, value in ((name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]):
        told[name] = f"{told[name]},{value}" if name in told else value  # as clients join a header's lines
    answer = Answer(sent[0]["status"], told, b"".join(part.get("body", b"") for part in sent[1:]))
    own().told(method, path, answer.status, told, answer.body)
    return answer


async def wait_for_ever() -> None:
    """A client that stays connected says nothing more."""
    import asyncio

    await asyncio.Event().wait()
