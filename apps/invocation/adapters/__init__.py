"""The one place where providers are chosen: by the name that a deployment in the catalogue has.

Each file has `adapter(settings, connection)`, which returns a Provider. An engine or a connection comes with the first use.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Final

from apps.invocation.ports import Connection, Lifecycle, Provider
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


def lifecycles(connection: Connection) -> Mapping[str, Lifecycle]:
    """What Bedrock says of every model of a region by its id: see bedrock_lifecycles. It takes seconds."""
    from apps.invocation.adapters import bedrock_lifecycles  # noqa: PLC0415 (botocore takes half a second to import)

    return bedrock_lifecycles.lifecycles(connection)


if CHOSEN.bedrock_region:  # importing botocore takes half a second, which no call is to wait for
    for name in ("auth", "eventstream", "session"):
        importlib.import_module(f"botocore.{name}")
