"""The one place where providers are chosen: by the name that a deployment in the catalogue has.

Each of their modules has `adapter(settings, connection)`, which returns a Provider. An engine or a connection comes with the
first use.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from apps.invocation.ports import Connection, Lifecycle, Provider
from foundation.settings import CHOSEN

PROVIDERS: Final = {
    "local_text": "local.text",
    "local_embeddings": "local.embeddings",
    "openai_compatible": "openai.provider",
    "anthropic": "anthropic.provider",
    "bedrock": "bedrock.provider",
}
ENGINES: Final = {"local_text": "xllamacpp", "local_embeddings": "onnxruntime"}  # packages, which the image on AWS lacks


def is_configured(provider: str, region: str = "") -> bool:
    """Whether this platform can call a provider: Bedrock only in a region, the deployment's own or that of BEDROCK_REGION;
    a model of this machine only where its engine is installed."""
    if provider == "bedrock":
        return bool(region or CHOSEN.bedrock_region)
    return provider in PROVIDERS and (provider not in ENGINES or is_installed(ENGINES[provider]))


@cache
def is_installed(package: str) -> bool:
    """Whether a package could be imported, without doing so."""
    return importlib.util.find_spec(package) is not None


@cache
def provider(connection: Connection) -> Provider:
    """The provider behind a connection, made once a process."""
    made: Provider = importlib.import_module(f"{__name__}.{PROVIDERS[connection.provider]}").adapter(CHOSEN, connection)
    return made


def lifecycles(connection: Connection) -> Mapping[str, Lifecycle]:
    """What Bedrock says of every model of a region by its id: see bedrock/lifecycles.py. It takes seconds."""
    from apps.invocation.adapters.bedrock.lifecycles import lifecycles  # noqa: PLC0415 (botocore takes half a second to import)

    return lifecycles(connection)


def access(connection: Connection, ids: Iterable[str]) -> Mapping[str, str]:
    """Which of these models of a region the account may not call, and why: see bedrock/access.py. It takes seconds."""
    from apps.invocation.adapters.bedrock.access import access  # noqa: PLC0415 (botocore takes half a second to import)

    return access(connection, ids)


if CHOSEN.bedrock_region:  # importing botocore takes half a second, which no call is to wait for
    for name in ("auth", "eventstream", "session"):
        importlib.import_module(f"botocore.{name}")
