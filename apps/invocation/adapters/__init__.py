"""The one place where providers are chosen: by the name that a deployment in the catalogue has.

Each file has `adapter(settings, connection)`, which returns a Provider. An engine or a connection comes with the first use.
"""

import importlib
from functools import cache
from typing import Final

from apps.invocation.ports import Connection, Provider
from foundation.settings import CHOSEN

PROVIDERS: Final = ("local_text", "local_embeddings", "openai_compatible", "anthropic", "bedrock")


def is_configured(provider: str, region: str = "") -> bool:
    """Whether this platform can call a provider: Bedrock only in a region, the deployment's own or that of BEDROCK_REGION."""
    return provider in PROVIDERS and (provider != "bedrock" or bool(region or CHOSEN.bedrock_region))


@cache
def provider(connection: Connection) -> Provider:
    """The provider behind a connection, made once a process."""
    made: Provider = importlib.import_module(f"{__name__}.{connection.provider}").adapter(CHOSEN, connection)
    return made


if CHOSEN.bedrock_region:  # importing botocore takes half a second, which no call is to wait for
    for name in ("auth", "eventstream", "session"):
        importlib.import_module(f"botocore.{name}")
