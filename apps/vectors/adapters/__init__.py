"""Where the vector backend is chosen: by the name in VECTOR_STORE. Its engine is heavy and loads on first use."""

import importlib
from functools import cache

from apps.vectors.ports import VectorBackend
from foundation.settings import CHOSEN


@cache
def backend() -> VectorBackend:
    """The backend of this platform, from the file of its name; the same object on every call."""
    chosen: VectorBackend = importlib.import_module(f"{__name__}.{CHOSEN.vector_store}").adapter(CHOSEN)
    return chosen
