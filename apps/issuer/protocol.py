"""OAuth2 and OpenID Connect on the wire: reading requests, and refusing them in the protocol's words. Pure."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

from foundation.errors import Problem

Form = Mapping[str, Sequence[str]]
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
LONGEST_VALUE: Final = 2048
SIGN_IN_SCOPES: Final = ("openid", "email", "profile")


class Refused(Problem):
    """A refusal with a code of RFC 6749, 4.1.2.1 or 5.2; `location` is where the browser takes it, if it may."""

    status, code = 400, "invalid_request"

    def __init__(self, error: str, description: str, location: str | None = None) -> None:
        super().__init__(description)
        self.error, self.location = error, location

    def body(self) -> Mapping[str, Any]:
        """The error as the protocol has it."""
        return {"error": self.error, "error_description": self.detail}


@dataclass(frozen=True, slots=True)
class PublicClient:
    """A client that has no secret and proves itself by PKCE; its addresses are compared letter by letter."""

    client: str
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to the token endpoint: the client with the secret that it showed, if any, and the other fields."""

    grant_type: str
    client: str
    secret: str | None = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request to sign somebody in, all of it checked."""

    client: str
    redirect_uri: str
    scope: str
    state: str
    nonce: str
    challenge: str
    prompt: str

    def answered(self, **values: str) -> str:
        """The client's address with these values and its own state."""
        return redirected(self.redirect_uri, self.state, values)


def redirected(address: str, state: str, values: Mapping[str, str]) -> str:
    """A registered address with values in its query; the state goes back as it came."""
    return f"{address}?{urlencode({**values, **({'state': state} if state else {})})}"


def single(form: Form) -> dict[str, str]:
    """Every field of a form, each of which may be there once (RFC 6749, 3.1 and 3.2)."""
    for name, values in form.items():
        if len(values) != 1:
            raise Refused("invalid_request", f"{name[:50]} must not be given more than once")
        if len(values[0]) > LONGEST_VALUE:
            raise Refused("invalid_request", f"{name[:50]} must have at most {LONGEST_VALUE} characters")
    return {name: values[0] for name, values in form.items()}


def token_request(authorization: str | None, form: Form) -> TokenRequest:
    """The request in a form and an Authorization header; the client is named in either or, the same, in both."""
    fields = single(form)
    named, secret = fields.get("client_id", ""), fields.get("client_secret")
    if authorization is not None:
        client, shown = basic(authorization)
        if named not in ("", client):
            raise Refused("invalid_request", "client_id must be the client of the Authorization header")
        if secret:
            raise Refused("invalid_request", "the secret must be in the Authorization header or in the body, not in both")
        named, secret = client, shown
    if not fields.get("grant_type"):
        raise Refused("invalid_request", "grant_type is missing")
    return TokenRequest(fields["grant_type"], named, secret, fields)


def basic(authorization: str) -> tuple[str, str]:
    """The client and its secret in a Basic header, each of them form-urlencoded before the base64 (RFC 6749, 2.3.1)."""
    scheme, _, encoded = authorization.strip().partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeError):
        text = ""
    client, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise Refused("invalid_client", "the Authorization header must be Basic with base64 of client_id:client_secret")
    return unquote_plus(client), unquote_plus(secret)


def granted_scope(wanted: str, allowed: Sequence[str], default: str) -> str:
    """The words of a wanted scope, each once and all allowed; `default` when none is named."""
    words = dict.fromkeys(wanted.split())
    for word in words:
        if word not in allowed:
            raise Refused("invalid_scope", f"the scope {word[:100]} is not one of: {', '.join(allowed)}")
    return " ".join(words) or default


def authorization_request(form: Form, registered: PublicClient) -> AuthorizationRequest:
    """The request in a query. What is wrong with client or address is never taken to that address (RFC 6749, 4.1.2.1)."""
    fields = single(form)
    if fields.get("client_id") != registered.client:
        raise Refused("invalid_client", "client_id is not a registered client")
    if fields.get("redirect_uri") not in registered.redirect_uris:
        raise Refused("invalid_request", f"redirect_uri must be exactly {' or '.join(registered.redirect_uris)}")
    address, state = fields["redirect_uri"], fields.get("state", "")

    def refuse(error: str, description: str) -> Refused:
        return Refused(error, description, redirected(address, state, {"error": error, "error_description": description}))

    if fields.get("response_type") != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if fields.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(fields.get("code_challenge", "")):
        raise refuse("invalid_request", "PKCE is required: a code_challenge with code_challenge_method S256")
    try:
        scope = granted_scope(fields.get("scope", ""), SIGN_IN_SCOPES, "openid email")
    except Refused as wrong:
        raise refuse(wrong.error, wrong.detail) from wrong
    return AuthorizationRequest(
        client=registered.client,
        redirect_uri=address,
        scope=scope,
        state=state,
        nonce=fields.get("nonce", ""),
        challenge=fields["code_challenge"],
        prompt=fields.get("prompt", ""),
    )


def proves(verifier: str, challenge: str) -> bool:
    """Whether a PKCE verifier is the one behind a challenge (RFC 7636, 4.6, S256)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(digest, challenge)
