"""A browser and the portal behind it, going through the authorization code flow as mozilla-django-oidc does."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import Client

from foundation.settings import CHOSEN

CALLBACK = f"{CHOSEN.public_url}/admin/oidc/callback/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Administrator:
    """Somebody's e-mail address and password."""

    email: str
    password: str


@dataclass
class Portal:
    """One browser. `address` is where it comes from; `verifier`, `state` and `nonce` are the portal's for this sign-in."""

    address: str = field(default_factory=lambda: "198.51.100." + secrets.token_hex(8))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def __post_init__(self) -> None:
        self.browser = Client(enforce_csrf_checks=True, REMOTE_ADDR=self.address)

    def query(self, **changed: str | None) -> str:
        """The authorization request; a field that is changed to None is left out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "scope": "openid email",
            "client_id": CHOSEN.administrators_client,
            "redirect_uri": CALLBACK,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changed,
        }
        return urlencode({name: value for name, value in asked.items() if value is not None})

    def authorize(self, **changed: str | None) -> Any:
        """GET /oauth2/authorize."""
        return self.browser.get(f"/oauth2/authorize?{self.query(**changed)}")

    def post(self, path: str, **fields: str) -> Any:
        """Fill in the form that is at a path."""
        address = f"{path}?{self.query()}"
        found = TOKEN.search(self.browser.get(address).content.decode())
        form = {**fields, **({"csrfmiddlewaretoken": found[1]} if found else {})}
        return self.browser.post(address, form)

    def sign_in(self, email: str, password: str) -> Any:
        """Fill in the sign-in page."""
        return self.post("/login", email=email, password=password)

    def choose(self, password: str, repeated: str | None = None) -> Any:
        """Fill in the page for a new password."""
        return self.post("/login/new-password", password=password, repeated=password if repeated is None else repeated)

    def code(self, administrator: Administrator) -> str:
        """The code of a whole sign-in."""
        return code_in(self.sign_in(administrator.email, administrator.password))

    def exchange(self, code: str, **changed: str | None) -> Any:
        """POST /oauth2/token with a code, as mozilla-django-oidc posts it: with an empty client_secret."""
        form = {
            "grant_type": "authorization_code",
            "client_id": CHOSEN.administrators_client,
            "client_secret": "",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **changed,
        }
        return Client().post(
            "/oauth2/token",
            data=urlencode({name: value for name, value in form.items() if value is not None}),
            content_type="application/x-www-form-urlencoded",
        )


def answered(answer: Any) -> dict[str, str]:
    """The query of the redirect to the portal."""
    assert answer.status_code == 302, answer.content
    assert answer["Location"].startswith(CALLBACK + "?"), answer["Location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def code_in(answer: Any) -> str:
    """The code in the redirect to the portal."""
    return answered(answer)["code"]
