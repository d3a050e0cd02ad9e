"""Where the platform that runs on this machine is reached, for commands beside it that are told nothing else."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foundation.further import FURTHER, SECRETS

FILE: Final = "started.json"
NAMES: Final = ("HOST", "PORT", "PUBLIC_URL", "API_URL", "ISSUER_URL", "CA_FILE")


@contextmanager
def telling(home: Path, values: Mapping[str, Any]) -> Iterator[None]:
    """Tell the settings of NAMES to `beside` for as long as this lasts, or this process lives. Of two platforms over one
    folder, the first is told of."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / FILE).open("a+") as file:
        if is_first := locked(file.fileno(), fcntl.LOCK_EX):
            file.truncate(0)
            file.write(json.dumps({name: str(values[name]) for name in NAMES}))
            file.flush()
        yield
        if is_first:
            file.truncate(0)


def beside(environment: Mapping[str, str], home: Path) -> Mapping[str, str]:
    """The environment, with what the platform that runs over this folder tells where none of it is given."""
    if any(environment.get(name) for name in (*NAMES, FURTHER, SECRETS)):
        return environment
    try:
        with (home / FILE).open() as file:
            told = {} if locked(file.fileno(), fcntl.LOCK_SH) else json.load(file)
    except (OSError, ValueError):  # nobody tells anything, or has only begun to
        return environment
    return {**environment, **{name: told[name] for name in NAMES if name in told}}


def locked(file: int, how: int) -> bool:
    """Whether the file could be locked, as nobody holds it."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
