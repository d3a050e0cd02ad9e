"""What signing in adds to Django's configuration: the user model, the OpenID Connect client and its endpoints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundation.settings import Settings


def django_settings(chosen: "Settings") -> Mapping[str, Any]:
    """Authorization code with PKCE (S256), RS256, against the administrators' issuer; names are mozilla-django-oidc's."""
    return {
        "INSTALLED_APPS": ["django.contrib.contenttypes", "django.contrib.auth", "mozilla_django_oidc"],
        "MIDDLEWARE": ["django.contrib.auth.middleware.AuthenticationMiddleware"],
        "AUTHENTICATION_BACKENDS": ["apps.portal.backend.AdministratorBackend"],
        "AUTH_USER_MODEL": "portal.Administrator",
        "CSRF_FAILURE_VIEW": "apps.portal.pages.csrf_failure",
        "LOGIN_REDIRECT_URL": "/admin/",
        "LOGIN_REDIRECT_URL_FAILURE": "/admin/sign-in/failed",
        "OIDC_AUTHENTICATION_CALLBACK_URL": "portal-callback",
        "OIDC_RP_CLIENT_ID": chosen.administrators_client,
        "OIDC_RP_CLIENT_SECRET": "",
        "OIDC_RP_SIGN_ALGO": "RS256",
        "OIDC_RP_SCOPES": "openid email",
        "OIDC_USE_PKCE": True,
        "OIDC_PKCE_CODE_CHALLENGE_METHOD": "S256",
        "OIDC_OP_AUTHORIZATION_ENDPOINT": f"{chosen.administrators_domain}/oauth2/authorize",
        "OIDC_OP_TOKEN_ENDPOINT": f"{chosen.administrators_domain}/oauth2/token",
        "OIDC_OP_USER_ENDPOINT": f"{chosen.administrators_domain}/oauth2/userInfo",
        "OIDC_OP_JWKS_ENDPOINT": f"{chosen.administrators_issuer}/.well-known/jwks.json",
        "OIDC_TIMEOUT": 10,
        "OIDC_VERIFY_SSL": chosen.ca_file or True,
    }
