"""The one place where providers are chosen: by the name that a row of the catalogue has.

Each file has `adapter(settings)`, which returns a Provider. An engine or a connection comes with the first use.
"""

import importlib
from functools import cache
from typing import Final

from apps.invocation.ports import Provider
from foundation.settings import CHOSEN

PROVIDERS: Final = ("local_text", "local_embeddings", "openai_compatible")


@cache
def provider(name: str) -> Provider:
    """The provider of this name, made once a process."""
    adapter: Provider = importlib.import_module(f"{__name__}.{name}").adapter(CHOSEN)
    return adapter
