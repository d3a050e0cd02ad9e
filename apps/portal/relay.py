"""Calls of the portal to the platform's own API, over HTTP and with a token of an application of its own."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import requests

from apps.applications import services as applications
from apps.applications.records import Application
from foundation.adapters import secrets
from foundation.errors import Conflict, NotFound, Unavailable, UpstreamFailed
from foundation.settings import CHOSEN

OWN: Final = "AdminUIBackend"
DESCRIPTION: Final = "The administration portal itself: what administrators try out runs in this application's name."
SERVICES: Final[Mapping[str, str]] = {
    "document": "Extraction Service",
    "model": "Model Invocation Service",
    "vector": "Vectorization Service",
    "prompt": "Prompt Management Service",
}
PATIENCE: Final = 60
PROBE_PATIENCE: Final = 3
EARLY: Final = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, as it answered it."""

    status: int
    content_type: str
    body: bytes


@dataclass
class OwnToken:
    """An access token of the portal's own application, fetched again a minute before it expires."""

    token: str = ""
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def value(self) -> str:
        """The token. Unavailable when the issuer does not give one."""
        with self.lock:
            if time.monotonic() >= self.until:
                body = fetched(application())
                self.token, self.until = str(body["access_token"]), time.monotonic() + int(body["expires_in"]) - EARLY
            return self.token

    def forget(self) -> None:
        """Have the next call fetch another."""
        self.until = 0.0


own: Final = OwnToken()


def application() -> Application:
    """The portal's own application, onboarded on first need."""
    try:
        return applications.find_by_name(OWN)
    except NotFound:
        pass
    try:
        made, credentials = applications.create(OWN, DESCRIPTION)
    except Conflict:  # another process was first
        return applications.find_by_name(OWN)
    secrets.put(credentials.reference, credentials.secret)
    return made


def fetched(asking: Application) -> Mapping[str, Any]:
    """A token answer. A secret that is missing or was revoked is replaced by a new one, once."""
    kept = secrets.get(f"{asking.client}_client_secret")
    answer = _asked(asking, kept) if kept else None
    if answer is None or answer.status_code in (400, 401):
        credentials = applications.rotate(asking.application)
        secrets.put(credentials.reference, credentials.secret)
        answer = _asked(asking, credentials.secret)
    if answer.status_code != 200:
        raise Unavailable(f"the issuer gives {OWN} no token ({answer.status_code}); is that application active?", retry_after=5)
    body: Mapping[str, Any] = answer.json()
    return body


def _asked(asking: Application, secret: str) -> requests.Response:
    connection = applications.connection(asking)
    form = {"grant_type": "client_credentials", "client_id": connection.client_id, "scope": connection.scope}
    return _sent("POST", connection.token_url, data=form, auth=(connection.client_id, secret))


def _sent(method: str, url: str, *, patience: float = PATIENCE, **options: Any) -> requests.Response:
    try:
        return requests.request(
            method, url, timeout=(5, patience), verify=CHOSEN.ca_file or True, allow_redirects=False, **options
        )
    except requests.RequestException as silent:
        raise UpstreamFailed(f"{url.partition('?')[0]} does not answer") from silent


def relayed(method: str, path: str, query: str = "", body: bytes = b"", *, patience: float = PATIENCE) -> Answer:
    """What the API answers to this request, whatever its status; UpstreamFailed when it does not answer.

    NotFound for a path that would climb out of its service.
    """
    if any(part in (".", "..") for part in path.split("/")):
        raise NotFound("Not Found")
    url = f"{CHOSEN.api_url}/{quote(path)}" + (f"?{query}" if query else "")
    for attempt in (1, 2):
        headers = {"Authorization": f"Bearer {own.value()}", "Content-Type": "application/json"}
        answer = _sent(method, url, patience=patience, data=body, headers=headers)
        if answer.status_code != 401 or attempt == 2:
            break
        own.forget()
    return Answer(answer.status_code, answer.headers.get("Content-Type", "application/octet-stream"), answer.content)


def is_up(service: str) -> bool:
    """Whether a service answers that it is UP, within a few seconds."""
    try:
        return relayed("GET", f"{service}/service/health", patience=PROBE_PATIENCE).status == 200
    except (UpstreamFailed, Unavailable):
        return False


def which_are_up(services: tuple[str, ...]) -> Mapping[str, bool]:
    """`is_up` of several services, asked at the same time."""
    with ThreadPoolExecutor(max_workers=max(len(services), 1)) as pool:
        return dict(zip(services, pool.map(is_up, services), strict=True))


def merged_document() -> Mapping[str, Any] | None:
    """One OpenAPI document of the services that answer; None when none does."""
    merged: dict[str, Any] | None = None
    for service in SERVICES:
        one = _document_of(service)
        if one is None:
            continue
        if merged is None:
            merged = {**one, "paths": {}, "components": {}}
        merged["paths"].update(one["paths"])
        for kind, named in one.get("components", {}).items():
            merged["components"].setdefault(kind, {}).update(named)
    return merged


def _document_of(service: str) -> Mapping[str, Any] | None:
    try:
        answer = _sent("GET", f"{CHOSEN.api_url}/{service}/service/meta", headers={"Authorization": f"Bearer {own.value()}"})
    except (UpstreamFailed, Unavailable):
        return None
    document: Mapping[str, Any] | None = answer.json() if answer.status_code == 200 else None
    return document
