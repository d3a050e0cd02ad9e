"""The one place where extraction's engine is chosen: by the setting EXTRACTION_ENGINE, which follows the platform."""

import importlib
from typing import Final

from apps.extraction.ports import Engine
from foundation.settings import CHOSEN

engine: Final[Engine] = importlib.import_module(f"apps.extraction.adapters.{CHOSEN.extraction_engine}").adapter(CHOSEN)
