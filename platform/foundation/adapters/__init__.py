"""The one place where adapters are chosen: by the name in PLATFORM, for every port at once.

Each platform's folder has the same file names; each file has `adapter(settings)`, which returns the port's implementation.
"""

import importlib
from typing import Any, Final

from foundation.ports import Counters, Directory, Files, Limits, Queues, Secrets
from foundation.records import Records
from foundation.settings import CHOSEN


def _adapter(port: str) -> Any:
    return importlib.import_module(f"foundation.adapters.{CHOSEN.platform}.{port}").adapter(CHOSEN)


records: Final[Records] = _adapter("records")
files: Final[Files] = _adapter("files")
queues: Final[Queues] = _adapter("queues")
counters: Final[Counters] = _adapter("counters")
limits: Final[Limits] = _adapter("limits")
secrets: Final[Secrets] = _adapter("secrets")
directory: Final[Directory] = _adapter("directory")
