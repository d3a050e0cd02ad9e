"""The domain and keys of the administrators' pool: oidc-provider-mock behind a door that has what of Cognito it lacks.

Cognito's paths of keys and of signing out, proof by PKCE (RFC 7636), a client without a secret, and the claims that Cognito
adds; the provider's ID tokens name no key, so the door signs them again. It can also answer what no pool would answer.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import oidc_provider_mock
from joserfc import jws
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from tests.forging import raw
from tests.servers.aws_models import answered, body
from tests.servers.cognito_front import access_claims

EMAIL = "administrator@example.com"
Forge = Callable[[dict[str, Any]], str]


@dataclass
class PoolDomain:
    """A WSGI application at `url`. `forge` makes an ID token of the claims of the real one; `away`: tokens are not given."""

    url: str
    logout_url: str
    app: flask.Flask
    client: str
    secret: str
    forge: Forge | None = None
    away: bool = False
    challenges: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/logout":
            return self.logged_out(query_of(environ["QUERY_STRING"]), start)
        if path == "/oauth2/token":
            return self.token(environ, start)
        if path == "/oauth2/authorize":
            return self.app(environ, self.remembering(query_of(environ["QUERY_STRING"]), start))
        return self.app({**environ, "PATH_INFO": "/jwks"} if path == "/.well-known/jwks.json" else environ, start)

    def logged_out(self, asked: Mapping[str, str], start: Any) -> Iterable[bytes]:
        """GET /logout: to a registered address of this client alone, as docs.aws.amazon.com/cognito has it."""
        if asked != {"client_id": self.client, "logout_uri": self.logout_url}:
            return answered(start, 400, {"error": "invalid_request"})
        start("302 Found", [("Location", self.logout_url)])
        return []

    def remembering(self, asked: Mapping[str, str], start: Any) -> Any:
        """Keeps the challenge of a sign-in for the code that is given for it."""

        def begun(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            code = query_of(urlsplit(dict(headers).get("Location", "")).query).get("code")
            if code and asked.get("code_challenge_method") == "S256":
                self.challenges[code] = asked["code_challenge"]
            return start(status, headers, *more)

        return begun

    def token(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """POST /oauth2/token: only with the verifier of the challenge, and without a secret."""
        form = query_of(body(environ).decode())
        shown = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if self.away:
            start("503 Service Unavailable", [])
            return []
        if self.challenges.pop(form.get("code", ""), None) != shown or "client_secret" in form:
            return answered(start, 400, {"error": "invalid_grant"})
        sent = {**form, "client_secret": self.secret}  # the provider knows no client without one
        told = self.app.test_client().post("/oauth2/token", base_url=self.url, data=sent).get_json()
        if "id_token" in told:
            claims = json.loads(jws.extract_compact(told["id_token"].encode()).payload)
            told["id_token"] = self.forge(claims) if self.forge is not None else self.signed(claims)
        return answered(start, 200 if "id_token" in told else 400, told)

    @property
    def key(self) -> RSAKey:
        """The key that the provider signs with."""
        return RSAKey.import_key(self._storage().jwk.as_dict(is_private=True))

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        """A token by the provider's key, or by another, under its key id; what is None is left out."""
        kept = {name: value for name, value in claims.items() if value is not None}
        return raw({"alg": "RS256", "kid": self.key.kid}, kept, key or self.key)

    def rotate(self) -> None:
        """Have it sign with another key, and publish that one alone."""
        storage = self._storage()
        storage.jwk = type(storage.jwk).generate_key(is_private=True)

    def access_claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of an access token of the person who signs in, as Cognito has them."""
        return access_claims(self.url, self.client, "openid email", sub="administrator", username="administrator", **changed)

    def _storage(self) -> Any:
        with self.app.test_request_context():
            self.app.preprocess_request()
            return flask.g.oidc_provider_mock_storage


def query_of(text: str) -> dict[str, str]:
    """The fields of a query or a form, each once."""
    return {name: values[0] for name, values in parse_qs(text).items()}


@contextmanager
def pool_domain(port: int, portal_url: str) -> Iterator[PoolDomain]:
    """The server, with the portal as its client, as the template of identity makes it, and one person."""
    app = oidc_provider_mock.app(require_client_registration=True, require_nonce=True)
    asked = {"redirect_uris": [f"{portal_url}/admin/oidc/callback/"], "token_endpoint_auth_method": "client_secret_post"}
    provider = app.test_client()
    client = provider.post("/oauth2/clients", json=asked).get_json()
    claims = {"email": EMAIL, "token_use": "id", "cognito:username": "administrator", "email_verified": True}
    assert provider.put("/users/administrator", json=claims).status_code == 204
    domain = PoolDomain(f"http://127.0.0.1:{port}", f"{portal_url}/admin/", app, client["client_id"], client["client_secret"])
    server = make_server("127.0.0.1", port, domain, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield domain
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
