"""Applications with credentials, and tokens of every kind: good ones from the issuer, and forged ones."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from django.test import Client
from joserfc import jwt
from joserfc.jwk import RSAKey

from apps.issuer import services
from foundation.adapters import directory
from foundation.ambient import now
from foundation.ports import Credentials
from foundation.settings import CHOSEN


def new_client(name: str = "forging") -> Credentials:
    """A client of an application that nobody else has."""
    return directory.create(str(uuid.uuid4()), name)


def ask_for_token(credentials: Credentials | None = None, *, client: Client | None = None, **fields: str) -> Any:
    """The answer of the token endpoint, asked as the original's SDK asks, with other form fields where given."""
    headers = {}
    if credentials is not None:
        shown = base64.b64encode(f"{credentials.client}:{credentials.secret}".encode()).decode()
        headers["authorization"] = f"Basic {shown}"
    form = {"grant_type": "client_credentials", **fields}
    return (client or Client()).post(
        "/oauth2/token",
        data="&".join(f"{name}={value}" for name, value in form.items()),
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )


def good_token(credentials: Credentials) -> str:
    """An access token from the token endpoint."""
    answer = ask_for_token(credentials, scope="genaifoundations/read")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["access_token"])


def claims_of(credentials: Credentials, **changed: Any) -> dict[str, Any]:
    """The claims of a good token, with some changed; a claim that is changed to None is left out."""
    moment = int(time.time())
    claims = {
        "sub": credentials.client,
        "client_id": credentials.client,
        "token_use": "access",
        "scope": "genaifoundations/read",
        "auth_time": moment,
        "iss": CHOSEN.applications_issuer,
        "exp": moment + 3600,
        "iat": moment,
        "version": 2,
        "jti": str(uuid.uuid4()),
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed_by_issuer(claims: Mapping[str, Any], pool: str = "local_applications", **header: Any) -> str:
    """Any claims, signed with the issuer's own key: what only a faulty issuer would sign."""
    key = services.key_ring(pool).signing(now())
    return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, dict(claims), key.rsa, algorithms=["RS256"])


def signed_by_stranger(claims: Mapping[str, Any], key: RSAKey | None = None, **header: Any) -> str:
    """Any claims under the issuer's key id, signed with a key that the issuer does not have."""
    kid = services.key_ring("local_applications").signing(now()).kid
    stranger = key or RSAKey.generate_key(2048)
    return raw({"alg": "RS256", "kid": kid, **header}, claims, stranger)


def raw(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAKey | None = None) -> str:
    """A compact token with exactly this header; RS256 with a key, unsigned without."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    body = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    signature = key.private_key.sign(body.encode(), PKCS1v15(), SHA256()) if key else b""
    return f"{body}.{part(signature)}"


def part(content: bytes) -> str:
    """One part of a compact token."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
