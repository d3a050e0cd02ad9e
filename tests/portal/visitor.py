"""An administrator with a browser of requests: signs in by the real pages, follows links and sends forms."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.running import Platform, session

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
CLIENT = "administration-portal"
PASSWORD = "correct horse battery staple 42"


class Visitor:
    """One browser at one platform. Redirects are followed, cookies kept."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.url, self.session = platform, platform.url, session()

    def get(self, path: str, **options: Any) -> requests.Response:
        """A page."""
        return self.session.get(self.absolute(path), timeout=60, **{"headers": {"Accept": "text/html"}, **options})

    def absolute(self, path: str) -> str:
        """A path of the platform as a URL."""
        return path if path.startswith("http") else self.url + path

    def send(self, page: requests.Response, path: str | None = None, **fields: str) -> requests.Response:
        """Send the form on a page, to the page itself or to another path."""
        found = TOKEN.search(page.text)
        assert found, page.text[:2000]
        form = {"csrfmiddlewaretoken": unescape(found[1]), **fields}
        return self.session.post(self.absolute(path or page.url), form, timeout=60, headers={"Referer": page.url})

    def post(self, page_path: str, path: str | None = None, **fields: str) -> requests.Response:
        """Open a page and send its form."""
        return self.send(self.get(page_path), path, **fields)

    def onboard(self, name: str, description: str = "A test.") -> tuple[str, requests.Response]:
        """Onboard an application; its id, and the page that shows the secret."""
        shown = self.post("/admin/applications/new", name=name, description=description)
        found = re.search(r'href="/admin/applications/([0-9a-f-]{36})"', shown.text)
        assert shown.status_code == 200 and found, shown.text
        return found[1], shown

    def access_token(self) -> str:
        """An access token of the person who is signed in, by the authorization code flow with PKCE."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        callback = f"{self.url}/admin/oidc/callback/"
        asked = {
            "response_type": "code",
            "scope": "openid email",
            "client_id": CLIENT,
            "redirect_uri": callback,
            "state": "state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        sent = self.session.get(f"{self.url}/oauth2/authorize", params=asked, allow_redirects=False, timeout=60)
        code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "code": code,
            "redirect_uri": callback,
            "code_verifier": verifier,
        }
        answer = requests.post(f"{self.url}/oauth2/token", data=form, timeout=60)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def administrator(platform: Platform) -> Mapping[str, str]:
    """A new administrator with a one-time password."""
    email = f"{secrets.token_hex(6)}@example.com"
    made: Mapping[str, str] = json.loads(platform.manage("admins", "create", email, "--json"))
    return made


def signed_in(platform: Platform) -> Visitor:
    """A new administrator who signed in for the first time and chose a password."""
    visitor, made = Visitor(platform), administrator(platform)
    choosing = visitor.send(visitor.get("/admin/"), email=made["email"], password=made["one_time_password"])
    dashboard = visitor.send(choosing, password=PASSWORD, repeated=PASSWORD)
    assert dashboard.url == f"{platform.url}/admin/", (dashboard.status_code, dashboard.url, dashboard.text[:3000])
    return visitor


class CookieClient:
    """The original's portal: JSON, and an access token in a cookie. The cookie is Secure, so it is sent by hand here."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.headers = {"Cookie": f"access_token={token}"} if token else {}

    def get(self, path: str) -> requests.Response:
        """GET."""
        return requests.get(self.url + path, headers=self.headers, timeout=90)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """POST of JSON, as fetch() of the portal's own page sends it."""
        return requests.post(
            self.url + path,
            data=json.dumps(body),
            headers={**self.headers, "Content-Type": "application/json", "Origin": self.url, **headers},
            timeout=90,
        )
