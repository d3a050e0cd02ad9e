"""Where the vector backend is chosen: by the name in PLATFORM, from a table. Its engine is heavy and loads on first use."""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Final

from apps.vectors.ports import VectorBackend
from foundation.settings import CHOSEN

BACKENDS: Final[Mapping[str, str]] = {"embedded": "lancedb"}


@cache
def backend() -> VectorBackend:
    """The backend of this platform; the same object on every call."""
    chosen: VectorBackend = importlib.import_module(f"{__name__}.{BACKENDS[CHOSEN.platform]}").adapter(CHOSEN)
    return chosen
