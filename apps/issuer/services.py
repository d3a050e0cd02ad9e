"""Every use case of the issuer. Views, commands and other capabilities come in here."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from apps.issuer import keys, people, throttle, tokens
from apps.issuer.protocol import (
    SIGN_IN_SCOPES,
    AuthorizationRequest,
    Form,
    PublicClient,
    Refused,
    TokenRequest,
    authorization_request,
    granted_scope,
    proves,
    token_request,
)
from apps.issuer.records import Administrator, Grant
from foundation.adapters import directory, records, secrets
from foundation.ambient import new_id, new_secret, now
from foundation.errors import Conflict, Unauthenticated
from foundation.identity import PublishedKeys, Verifier, bearer
from foundation.ports import SCOPE
from foundation.settings import CHOSEN

FIRST_ADMINISTRATOR: Final = "admin@localhost"
CODE_LIFETIME: Final = timedelta(minutes=5)
POOLS: Final[Mapping[str, str]] = {
    "local_applications": CHOSEN.applications_issuer,
    "local_administrators": CHOSEN.administrators_issuer,
}
PORTAL: Final = PublicClient(
    CHOSEN.administrators_client,
    redirect_uris=(f"{CHOSEN.public_url}/admin/oidc/callback/",),
    logout_uris=(f"{CHOSEN.public_url}/admin/",),
)


def prepare() -> tuple[str, ...]:
    """Make the keys and the first administrator where they are missing; the lines to show until one has signed in."""
    for pool in POOLS:
        key_ring(pool)
    there = next(people.everyone(), None)
    if there is not None:
        lost = f"sign in      {there.email}; `manage.py admins reset {there.email}` makes a one-time password anew"
        return (lost,) if there.must_change else ()
    try:
        made = people.create(FIRST_ADMINISTRATOR)
    except Conflict:  # another process was first, and shows it
        return ()
    return (f"sign in      {made.email} with the one-time password {made.password} (you will choose your own)",)


# Keys


def key_ring(pool: str) -> keys.KeyRing:
    """The keys of a pool as they are at this moment, in every process; made when there are none."""
    name = f"issuer_{pool}_keys"
    kept = secrets.get(name)
    if kept is None:
        kept = secrets.create(name, keys.encoded(keys.KeyRing((keys.new_key(new_id(), now()),))))
    return keys.decoded(kept)


def rotate_keys(pool: str) -> keys.SigningKey:
    """Publish a new key, which signs from its `since` on; the present ones stay published while their tokens are good."""
    moment = now()
    made = keys.new_key(new_id(), moment + keys.LEAD)
    secrets.put(f"issuer_{pool}_keys", keys.encoded(key_ring(pool).rotated(made, moment)))
    return made


def published_keys(pool: str) -> Mapping[str, Any]:
    """The pool's JSON Web Key Set."""
    return keys.public_set(key_ring(pool).published(now()))


def discovery(pool: str) -> Mapping[str, Any]:
    """The pool's OpenID Connect metadata (OpenID Connect Discovery, 3)."""
    return {
        "issuer": POOLS[pool],
        "jwks_uri": f"{POOLS[pool]}/.well-known/jwks.json",
        "authorization_endpoint": f"{CHOSEN.issuer_url}/oauth2/authorize",
        "token_endpoint": f"{CHOSEN.issuer_url}/oauth2/token",
        "userinfo_endpoint": f"{CHOSEN.issuer_url}/oauth2/userInfo",
        "end_session_endpoint": f"{CHOSEN.issuer_url}/logout",
        "response_types_supported": ["code"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [SCOPE, *SIGN_IN_SCOPES],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    }


def _signed(pool: str, claims: tokens.Claims) -> str:
    return tokens.signed(claims, key_ring(pool).signing(now()))


# Tokens


def token(authorization: str | None, form: Form, address: str) -> Mapping[str, Any]:
    """The body of a token answer. Refused in the protocol's words; TooMany after many wrong secrets from `address`."""
    asked = token_request(authorization, form)
    grant = GRANTS.get(asked.grant_type)
    if grant is None:
        raise Refused("unsupported_grant_type", f"grant_type must be {' or '.join(GRANTS)}")
    return grant(asked, address)


def _client_credentials(asked: TokenRequest, address: str) -> Mapping[str, Any]:
    if not asked.client:
        raise Refused("invalid_client", "the client is missing: send client_id and its secret in a Basic header or in the body")
    found = directory.authenticate(asked.client, asked.secret or "")
    if found is None:
        throttle.count_failed_secret(asked.client, address)
        raise Refused("invalid_client", "there is no such client, or the secret is not its own")
    if not found.active:
        raise Refused("invalid_client", "the client's application is deactivated")
    scope = granted_scope(asked.fields.get("scope", ""), (SCOPE,), SCOPE)
    claims = tokens.application_access(_issue("local_applications"), found.client, scope, new_id())
    return _bearer(_signed("local_applications", claims))


def _authorization_code(asked: TokenRequest, address: str) -> Mapping[str, Any]:
    if asked.client != PORTAL.client or asked.secret:
        raise Refused("invalid_client", f"the authorization code grant is for {PORTAL.client}, which has no secret")
    code, verifier = asked.fields.get("code", ""), asked.fields.get("code_verifier", "")
    if not code or not verifier:
        raise Refused("invalid_request", "code and code_verifier (PKCE) are both needed")
    grant = _spent(code)
    if grant.redirect_uri != asked.fields.get("redirect_uri") or not proves(verifier, grant.challenge):
        raise Refused("invalid_grant", "the code was given for another redirect_uri or another code_challenge")
    person = people.find(grant.email)
    if person is None or not person.active:
        raise Refused("invalid_grant", "the administrator may not sign in any more")
    return _tokens_of(grant, person)


def _spent(code: str) -> Grant:
    """The grant of a code, marked as used; a second use is refused and revokes what the first was given (RFC 6749, 4.1.2)."""
    refusal = Refused("invalid_grant", "the code is unknown, expired or used")
    found = records.get(Grant, hashed_code(code))
    if found is None:
        raise refusal
    spent = replace(found, used=True, revoked=found.used, until=now() + timedelta(seconds=CHOSEN.token_lifetime))
    try:
        records.put(spent)
    except Conflict as raced:
        raise refusal from raced
    if found.used:
        raise refusal
    return spent


def _tokens_of(grant: Grant, person: Administrator) -> Mapping[str, Any]:
    issue = _issue("local_administrators")
    bearer_of = tokens.Person(person.subject, person.email, grant.client, grant.grant, grant.signed_in)
    access = _signed("local_administrators", tokens.administrator_access(issue, bearer_of, grant.scope, new_id()))
    if "openid" not in grant.scope.split():
        return _bearer(access)
    identity = tokens.administrator_id(issue, bearer_of, grant.nonce, access, new_id())
    return {**_bearer(access), "id_token": _signed("local_administrators", identity)}


GRANTS: Final[Mapping[str, Callable[[TokenRequest, str], Mapping[str, Any]]]] = {
    "client_credentials": _client_credentials,
    "authorization_code": _authorization_code,
}


def _issue(pool: str) -> tokens.Issue:
    return tokens.Issue(POOLS[pool], now(), CHOSEN.token_lifetime)


def _bearer(access_token: str) -> Mapping[str, Any]:
    return {"access_token": access_token, "expires_in": CHOSEN.token_lifetime, "token_type": "Bearer"}


def hashed_code(code: str) -> str:
    """The name under which an authorization code is kept."""
    return hashlib.sha256(code.encode()).hexdigest()


# People

administrators: Final = people.everyone
create_administrator: Final = people.create
reset_administrator: Final = people.reset
set_administrator_active: Final = people.set_active
choose_password: Final = people.choose_password


def asked_to_sign_in(query: Form) -> AuthorizationRequest:
    """The authorization request in a query; Refused, with a `location` only when that is an address of the client."""
    return authorization_request(query, PORTAL)


def sign_in(email: str, password: str, address: str) -> Administrator:
    """The administrator, whose password this is; Unauthenticated otherwise, TooMany after many tries."""
    name = email.strip().lower()
    throttle.admit_password(name, address)
    found = people.who_knows(name, password)
    if found is None:
        raise Unauthenticated("The e-mail address or the password is not right.")
    throttle.forgive_password(name, address)
    return found


def authorize(asked: AuthorizationRequest, person: Administrator, signed_in: datetime) -> str:
    """Where the browser goes with a fresh code: good once, for five minutes, for this client, address and PKCE challenge."""
    code = new_secret()
    records.put(
        Grant(
            grant=hashed_code(code),
            email=person.email,
            client=asked.client,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            scope=asked.scope,
            nonce=asked.nonce,
            signed_in=signed_in,
            until=now() + CODE_LIFETIME,
        )
    )
    return asked.answered(code=code)


def user_info(authorization: str | None) -> Mapping[str, Any]:
    """What an access token with the scope openid tells of its person; Unauthenticated for any other and for a revoked one."""
    claims = _access_tokens.claims(bearer(authorization))
    grant, person = records.get(Grant, str(claims.get("origin_jti"))), people.find(str(claims.get("username")))
    revoked = grant is None or grant.revoked or person is None or not person.active
    if revoked or "openid" not in str(claims.get("scope")).split():
        raise Unauthenticated("Invalid token")
    return {"sub": claims["sub"], "username": claims["username"], "email": claims["username"], "email_verified": "true"}


_access_tokens: Final = Verifier(
    PublishedKeys(CHOSEN.administrators_issuer, fetch=lambda _: published_keys("local_administrators")), "access"
)


def sign_out_address(client: str, logout_uri: str) -> str:
    """The registered address to go to after a sign-out; Refused for any other."""
    if client != PORTAL.client or logout_uri not in PORTAL.logout_uris:
        raise Refused("invalid_request", f"client_id must be {PORTAL.client} and logout_uri {' or '.join(PORTAL.logout_uris)}")
    return logout_uri
