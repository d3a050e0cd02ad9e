"""What the issuer's tokens say, with the claims that Cognito gives them. Pure: facts in, claims or a signed token out."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt

from apps.issuer.keys import SigningKey

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """The circumstances of a token: who issues it, when, and for how many seconds."""

    issuer: str
    moment: datetime
    lifetime: int

    def claims(self, jti: str) -> dict[str, Any]:
        """What every token says of them."""
        issued = int(self.moment.timestamp())
        return {"iss": self.issuer, "iat": issued, "exp": issued + self.lifetime, "jti": jti}


@dataclass(frozen=True, slots=True)
class Person:
    """An administrator as tokens name one, and the grant through which the tokens were given."""

    subject: str
    email: str
    client: str
    grant: str
    signed_in: datetime


def application_access(issue: Issue, client: str, scope: str, jti: str) -> Claims:
    """The access token of client credentials: `client_id` and no `aud`."""
    common = issue.claims(jti)
    return common | {
        "sub": client,
        "client_id": client,
        "token_use": "access",
        "scope": scope,
        "auth_time": common["iat"],
        "version": 2,
    }


def administrator_access(issue: Issue, person: Person, scope: str, jti: str) -> Claims:
    """The access token of a person: `client_id` and `username`, no `aud`."""
    return (
        issue.claims(jti)
        | _of(person)
        | {
            "client_id": person.client,
            "username": person.email,
            "token_use": "access",
            "scope": scope,
            "version": 2,
        }
    )


def administrator_id(issue: Issue, person: Person, nonce: str, access_token: str, jti: str) -> Claims:
    """The ID token of a person (OpenID Connect Core, 2): for the client alone, bound to its nonce and the access token."""
    return (
        issue.claims(jti)
        | _of(person)
        | {
            "aud": person.client,
            "cognito:username": person.email,
            "email": person.email,
            "email_verified": True,
            "token_use": "id",
            "at_hash": half_hash(access_token),
        }
        | ({"nonce": nonce} if nonce else {})
    )


def _of(person: Person) -> dict[str, Any]:
    return {"sub": person.subject, "auth_time": int(person.signed_in.timestamp()), "origin_jti": person.grant}


def half_hash(token: str) -> str:
    """The left half of a token's SHA-256 as base64url without padding (OpenID Connect Core, 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()


def signed(claims: Claims, key: SigningKey) -> str:
    """The claims as a compact RS256 token whose header names the key."""
    return jwt.encode({"kid": key.kid, "alg": "RS256"}, dict(claims), key.rsa, algorithms=["RS256"])
