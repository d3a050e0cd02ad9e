"""The one place where extraction's engine is chosen: by the name of the platform."""

import importlib
from collections.abc import Mapping
from typing import Final

from apps.extraction.ports import Engine
from foundation.settings import CHOSEN

ENGINES: Final[Mapping[str, str]] = {"embedded": "local"}

engine: Final[Engine] = importlib.import_module(f"apps.extraction.adapters.{ENGINES[CHOSEN.platform]}").adapter(CHOSEN)
