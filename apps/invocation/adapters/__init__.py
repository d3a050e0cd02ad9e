"""The one place where providers are chosen: by the name that a deployment in the catalogue has.

Each file has `adapter(settings, connection)`, which returns a Provider. An engine or a connection comes with the first use.
"""

import importlib
from functools import cache
from typing import Final

from apps.invocation.ports import Connection, Provider
from foundation.settings import CHOSEN

PROVIDERS: Final[tuple[str, ...]] = (
    "local_text",
    "local_embeddings",
    "openai_compatible",
    "anthropic",
    *(("bedrock",) if CHOSEN.bedrock_region else ()),
)


@cache
def provider(connection: Connection) -> Provider:
    """The provider behind a connection, made once a process."""
    made: Provider = importlib.import_module(f"{__name__}.{connection.provider}").adapter(CHOSEN, connection)
    return made
