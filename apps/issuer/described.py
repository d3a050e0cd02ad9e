"""The issuer's path for programs in the OpenAPI document (RFC 6749); those for browsers are not in it."""

from collections.abc import Mapping
from typing import Any, Final

TEXT: Final = {"type": "string"}
ASKED: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials", "authorization_code"]},
        "client_id": TEXT,
        "client_secret": TEXT,
        "scope": TEXT,
        "code": TEXT,
        "code_verifier": TEXT,
        "redirect_uri": TEXT,
    },
}
GIVEN: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in"],
    "properties": {
        "access_token": {"type": "string", "description": "A JWT."},
        "token_type": {"type": "string", "enum": ["Bearer"]},
        "expires_in": {"type": "integer", "description": "In seconds."},
        "id_token": {"type": "string", "description": "Of a person, where the scope has openid."},
    },
}
REFUSED: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "A code of RFC 6749, 5.2."}, "error_description": TEXT},
}
REFUSALS: Final[Mapping[str, str]] = {
    "400": "The request cannot be granted; `error` says why.",
    "413": "The form is too large.",
    "429": "Too many wrong secrets.",
    "500": "The platform failed; the failure is in its log.",
    "503": "What the issuer stands on does not answer right now.",
}


def answer(text: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A response of JSON."""
    return {"description": text, "content": {"application/json": {"schema": schema}}}


PATHS: Final[Mapping[str, Any]] = {
    "/oauth2/token": {
        "post": {
            "operationId": "oauth2_token_post",
            "summary": "An access token for a client's id and secret, or for the code of a sign-in.",
            "tags": ["Issuer"],
            "security": [{"client": []}, {}],
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": ASKED}}},
            "responses": {
                "200": answer("Granted.", GIVEN),
                **{status: answer(text, REFUSED) for status, text in REFUSALS.items()},
            },
        }
    }
}
