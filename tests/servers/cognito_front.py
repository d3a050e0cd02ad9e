"""What Cognito has and moto lacks: the second secret of an app client, and the token endpoint of a pool's domain.

Each request for Cognito's API is held against botocore's own model of it first, so that what AWS would refuse is refused.
"""

import base64
import gzip
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.servers.aws_models import Refused, answered, body, checked, model

TARGET = "AWSCognitoIdentityProviderService."
MOST = 2
MODEL = model("cognito-idp")


@dataclass(frozen=True)
class Secret:
    """One secret of an app client."""

    id: str
    value: str
    created: float


@dataclass
class CognitoFront:
    """A WSGI application before moto's. `secrets` are those of each client that moto made, oldest first."""

    behind: Any
    secrets: dict[str, list[Secret]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        action = environ.get("HTTP_X_AMZ_TARGET", "")
        path = environ["PATH_INFO"]
        if path.endswith("/oauth2/token"):
            return answered(start, *self.token(path.split("/")[1], environ))
        if not action.startswith(TARGET):
            passed: Iterable[bytes] = self.behind(environ, start)
            return passed
        name = action.removeprefix(TARGET)
        try:
            asked = checked(MODEL, name, body(environ))
            own: Callable[[Any, list[Secret]], Mapping[str, Any]] | None = OWN.get(name)
            if own is not None:
                with self.lock:
                    return answered(start, 200, own(asked, self.of(asked["UserPoolId"], asked["ClientId"])))
            if name == "CreateUserPoolClient" and asked.get("GenerateSecret"):
                return answered(start, 200, self.made(asked["UserPoolId"], environ))
        except Refused as refused:
            return refused.answered(start)
        handed: Iterable[bytes] = self.behind(environ, start)
        return handed

    def made(self, pool: str, environ: dict[str, Any]) -> Mapping[str, Any]:
        """A new app client of moto's, with a secret as long and of such characters as Cognito's."""
        told = json.loads(b"".join(self.behind(environ, lambda *_: None)))
        if "UserPoolClient" not in told:
            raise Refused(told["__type"], str(told))
        client = app_client(pool, told["UserPoolClient"]["ClientId"])
        client.secret = new_secret()
        return {"UserPoolClient": client.to_json(extended=True)}

    def of(self, pool: str, client: str) -> list[Secret]:
        """The secrets of an app client; with the one that moto made for it when it is first asked for."""
        known = app_client(pool, client)
        if known is None or not known.generate_secret:
            raise Refused("ResourceNotFoundException", "User pool client does not exist.")
        return self.secrets.setdefault(client, [Secret(f"{client}--0", known.to_json()["ClientSecret"], time.time())])

    def token(self, pool: str, environ: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """POST /oauth2/token by client credentials, as docs.aws.amazon.com/cognito has it."""
        form = {name: values[0] for name, values in parse_qs(body(environ).decode()).items()}
        word, _, shown = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        client, _, secret = base64.b64decode(shown).decode().partition(":") if word == "Basic" else ("", "", "")
        try:
            with self.lock:
                known = [one.value for one in self.of(pool, client)]
        except Refused:
            known = []
        if secret not in known:
            return 400, {"error": "invalid_client"}
        allowed = app_client(pool, client).extended_config
        wanted = form.get("scope", " ".join(allowed["AllowedOAuthScopes"]))
        if form.get("grant_type") not in allowed["AllowedOAuthFlows"] or not allowed["AllowedOAuthFlowsUserPoolClient"]:
            return 400, {"error": "unauthorized_client"}
        if not set(wanted.split()) <= set(allowed["AllowedOAuthScopes"]):
            return 400, {"error": "invalid_scope"}
        issuer = f"http://{environ['HTTP_HOST']}/{pool}"
        token = signed(access_claims(issuer, client, wanted))
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}


def new_secret() -> str:
    """A client's secret."""
    return f"{uuid.uuid4().int:x}{uuid.uuid4().hex}"[:52]


def add(asked: Mapping[str, Any], kept: list[Secret]) -> Mapping[str, Any]:
    """AddUserPoolClientSecret."""
    if len(kept) >= MOST:
        raise Refused("LimitExceededException", "a client has at most two secrets")
    made = Secret(f"{asked['ClientId']}--{time.time_ns()}", asked.get("ClientSecret") or new_secret(), time.time())
    kept.append(made)
    told = {"ClientSecretId": made.id, "ClientSecretCreateDate": made.created}
    return {"ClientSecretDescriptor": told if "ClientSecret" in asked else {**told, "ClientSecretValue": made.value}}


def remove(asked: Mapping[str, Any], kept: list[Secret]) -> Mapping[str, Any]:
    """DeleteUserPoolClientSecret."""
    found = [one for one in kept if one.id == asked["ClientSecretId"]]
    if not found:
        raise Refused("ResourceNotFoundException", "no such secret")
    if len(kept) == 1:
        raise Refused("InvalidParameterException", "the last secret of a client stays")
    kept.remove(found[0])
    return {}


def listed(asked: Mapping[str, Any], kept: list[Secret]) -> Mapping[str, Any]:
    """ListUserPoolClientSecrets: never their values."""
    return {"ClientSecrets": [{"ClientSecretId": one.id, "ClientSecretCreateDate": one.created} for one in kept]}


OWN = {"AddUserPoolClientSecret": add, "DeleteUserPoolClientSecret": remove, "ListUserPoolClientSecrets": listed}


def app_client(pool: str, client: str) -> Any:
    """moto's own app client, or None."""
    from moto.cognitoidp.models import cognitoidp_backends

    for regions in cognitoidp_backends.values():
        for backend in regions.values():
            if pool in backend.user_pools:
                return backend.user_pools[pool].clients.get(client)
    return None


def private_key() -> RSAKey:
    """The key whose public half moto publishes for every pool."""
    kept = files("moto.cognitoidp").joinpath("resources/jwks-private.json.gz").read_bytes()
    return RSAKey.import_key(json.loads(gzip.decompress(kept)))


def access_claims(issuer: str, client: str, scope: str, **changed: Any) -> dict[str, Any]:
    """The claims of Cognito's access tokens for client credentials: there is no `aud`. What is changed to None is left out."""
    moment = int(time.time())
    claims = {
        "sub": client,
        "token_use": "access",
        "scope": scope,
        "auth_time": moment,
        "iss": issuer,
        "exp": moment + 3600,
        "iat": moment,
        "version": 2,
        "jti": str(uuid.uuid4()),
        "client_id": client,
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: Mapping[str, Any], key: RSAKey | None = None, **header: Any) -> str:
    """Any claims, signed by the pool's key or by another under its name. Cognito's header has `kid` and `alg` only."""
    own = private_key()
    return jwt.encode({"kid": own.kid, "alg": "RS256", **header}, dict(claims), key or own, algorithms=["RS256"])
