"""A worker's sign of life: a file that it touches while it is able to receive, or is busy with all that it may work on."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

EVERY: Final = 1.0  # seconds between two touches
LONGEST_SILENCE: Final = 120.0  # seconds; an outage of the queue that is shorter is borne by the worker itself


def place(home: Path) -> Path:
    """The file, in the folder of the process's data: a container has one worker."""
    return home / "worker.alive"


class Pulse:
    """Touches the file, as often as it is told to but not more than every second. A file system that refuses is silence."""

    def __init__(self, home: Path) -> None:
        self.path, self.due = place(home), 0.0

    def beat(self) -> None:
        """The worker is well."""
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + EVERY
            with suppress(OSError):
                self.path.touch()


def silence(home: Path) -> float | None:
    """Seconds since the last sign of life; None when there was none."""
    try:
        return max(0.0, time.time() - place(home).stat().st_mtime)
    except OSError:
        return None
