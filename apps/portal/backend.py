"""Turns an authorization code into an administrator: mozilla-django-oidc without a database, and with all claims checked."""

import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from django.core.exceptions import SuspiciousOperation
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from apps.portal.models import Administrator
from foundation.settings import CHOSEN

EMAIL: Final = "administrator_email"
SKEW: Final = 60


def callback_url() -> str:
    """The redirect URI, from PUBLIC_URL and never from a Host header."""
    return f"{CHOSEN.public_url}/admin/oidc/callback/"


def trusted(claims: Mapping[str, Any], moment: float) -> bool:
    """Whether verified claims are those of an ID token for this portal, good at this moment.

    The library checks signature, algorithm and nonce only (OpenID Connect Core, 3.1.3.7, has the rest).
    """
    audience, expires = claims.get("aud"), claims.get("exp")
    return (
        claims.get("iss") == CHOSEN.administrators_issuer
        and audience in (CHOSEN.administrators_client, [CHOSEN.administrators_client])
        and claims.get("token_use") == "id"
        and isinstance(expires, int | float)
        and expires + SKEW >= moment
        and bool(claims.get("sub"))
    )


class AdministratorBackend(OIDCAuthenticationBackend):
    """Everything that the library would ask a database is in the ID token; the e-mail address goes into the session."""

    def get_token(self, payload: dict[str, Any]) -> Mapping[str, Any]:
        """The token answer. The portal is a public client: it proves itself by PKCE and has no secret to send."""
        asked = {**payload, "redirect_uri": callback_url()}
        asked.pop("client_secret", None)
        answer: Mapping[str, Any] = super().get_token(asked)
        return answer

    def verify_token(self, token: str, **kwargs: Any) -> Mapping[str, Any]:
        """The claims of an ID token; SuspiciousOperation for any other token, and without a nonce of this sign-in."""
        if not kwargs.get("nonce"):
            raise SuspiciousOperation("the sign-in has no nonce")
        try:
            claims: Mapping[str, Any] = super().verify_token(token, **kwargs)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as refused:
            raise SuspiciousOperation("the ID token cannot be verified") from refused
        if not trusted(claims, time.time()):
            raise SuspiciousOperation("the ID token is not one for this portal")
        return claims

    def get_userinfo(self, access_token: str, id_token: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """The ID token's claims: they hold all that the portal shows."""
        return payload

    def filter_users_by_claims(self, claims: Mapping[str, Any]) -> list[Administrator]:
        """Nobody is stored, so everybody is new."""
        return []

    def create_user(self, claims: Mapping[str, Any]) -> Administrator:
        """The administrator of these claims."""
        self.request.session[EMAIL] = str(claims["email"])
        return Administrator(subject=str(claims["sub"]))

    def get_user(self, user_id: str) -> Administrator:
        """The administrator of a session; the session is what was verified."""
        return Administrator(subject=user_id)
