"""What settings are that are not set: derived from those before them, or refused.

The docstring of each is what docs/settings.md shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.local_secrets import LocalSecrets

if TYPE_CHECKING:
    from foundation.settings import Settings


def kept_secret(known: "Settings") -> str:
    """made once and kept in FOUNDATION_HOME"""
    try:
        return LocalSecrets(known.home).create("secret_key")
    except OSError as refused:
        raise ValueError(f"FOUNDATION_HOME is '{known.home}'; it must be a folder to write to: {refused.strerror}") from refused


@dataclass(frozen=True)
class NeededOnAws:
    """A default of what every deployment must be told: on AWS the start stops without it."""

    name: str
    embedded: "str | Callable[[Settings], str]" = ""

    def __call__(self, known: "Settings") -> str:
        if known.platform == "aws":
            raise ValueError(f"{self.name} is not set; it must be when PLATFORM is aws")
        return self.embedded(known) if callable(self.embedded) else self.embedded


def applications_issuer(known: "Settings") -> str:
    """`ISSUER_URL/local_applications`; that of APPLICATIONS_POOL when PLATFORM is aws"""
    return issuer_of(known, known.applications_pool, "local_applications")


def administrators_issuer(known: "Settings") -> str:
    """`ISSUER_URL/local_administrators`; that of ADMINISTRATORS_POOL when PLATFORM is aws"""
    return issuer_of(known, known.administrators_pool, "local_administrators")


def issuer_of(known: "Settings", pool: str, local: str) -> str:
    """What a platform's tokens name as their issuer; docs.aws.amazon.com/cognito has that of a pool."""
    cognito = f"https://cognito-idp.{known.aws_region}.amazonaws.com/{pool}"
    return {"embedded": f"{known.issuer_url}/{local}", "aws": cognito}[known.platform]


def vectors_by_platform(known: "Settings") -> str:
    """lancedb; opensearchserverless when PLATFORM is aws"""
    return {"embedded": "lancedb", "aws": "opensearchserverless"}[known.platform]


def vector_model_by_platform(known: "Settings") -> str:
    """all-minilm-l6-v2; TITAN_TEXT_EMBED_V2, of Amazon Bedrock, when PLATFORM is aws, whose image carries no model"""
    return {"embedded": "all-minilm-l6-v2", "aws": "TITAN_TEXT_EMBED_V2"}[known.platform]


def needed_to_sign(known: "Settings") -> str:
    """none; needed when PLATFORM is aws, or VECTOR_STORE is opensearchserverless"""
    if known.vector_store == "opensearchserverless":
        raise ValueError("AWS_REGION is not set; it must be when VECTOR_STORE is opensearchserverless")
    return NeededOnAws("AWS_REGION")(known)


def needed_by_opensearch(known: "Settings") -> str:
    """none; needed when vectors are in OpenSearch"""
    if known.vector_store != "lancedb":
        raise ValueError(f"OPENSEARCH_URL is not set; it must be when VECTOR_STORE is {known.vector_store}")
    return ""


def engine_by_platform(known: "Settings") -> str:
    """local; textract when PLATFORM is aws"""
    return {"embedded": "local", "aws": "textract"}[known.platform]
