"""A small client of the platform's REST API: a token that renews itself, and calls that outlast a restart of the server."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

RETRY = Retry(
    total=8,
    connect=8,
    read=3,
    status=3,
    backoff_factor=0.3,
    status_forcelist=(502, 503),
    allowed_methods=None,
    raise_on_status=False,
)


class Refused(Exception):
    """The platform answered with an error, or a job did not end well."""


class Client:
    """One application's way to the platform. `verify` is a CA file to trust, or True for the system's own."""

    def __init__(
        self, api_url: str, token_url: str, client_id: str, client_secret: str, scope: str, verify: str | bool = True
    ) -> None:
        self.api_url, self.token_url, self.scope = api_url, token_url, scope
        self.credentials = (client_id, client_secret)
        self.good_until = 0.0
        self.session = requests.Session()
        self.session.verify = verify
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=RETRY))

    def fetch_token(self) -> int:
        """Fetch an access token; for how many seconds it is good."""
        form = {"grant_type": "client_credentials", "client_id": self.credentials[0], "scope": self.scope}
        answer = self.session.post(self.token_url, data=form, auth=self.credentials, timeout=60)
        if answer.status_code != 200:
            raise Refused(f"no token: {answer.status_code} {answer.text}")
        token = answer.json()
        self.session.headers["Authorization"] = f"Bearer {token['access_token']}"
        self.good_until = time.monotonic() + token["expires_in"] - 60
        return int(token["expires_in"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a successful answer; Refused says what the platform said otherwise."""
        if time.monotonic() >= self.good_until:
            self.fetch_token()
        answer = self.session.request(method, self.api_url + path, json=body, timeout=120)
        if not answer.ok:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def upload(self, url: str, content: bytes) -> None:
        """Put a file where register_file said."""
        answer = requests.put(url, data=content, timeout=120, verify=self.session.verify)
        if answer.status_code != 200:
            raise Refused(f"upload: {answer.status_code} {answer.text[:500]}")

    def until(
        self, ended: Callable[[dict[str, Any]], bool], path: str, body: Any = None, patience: float = 300
    ) -> Iterator[dict[str, Any]]:
        """Each answer of a status request, up to and with the one that `ended` is true of; Refused after `patience` seconds."""
        end = time.monotonic() + patience
        while True:
            state = self.call("GET" if body is None else "POST", path, body)
            yield state
            if ended(state):
                return
            if time.monotonic() > end:
                raise Refused(f"{path} did not come to an end within {patience:.0f} s: {state}")
            time.sleep(0.2)
