"""Starting a server process for the tests, waiting until it listens, and stopping it with all that it started."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.running import ROOT, tethered, wait_for

IN_CI = os.environ.get("CI") == "true"


def needed(present: bool, remedy: str) -> None:
    """Skips the test on a machine that lacks what it needs, saying how to have it; in CI, where nothing is skipped, fails."""
    if not present:
        pytest.fail(remedy) if IN_CI else pytest.skip(remedy)


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def started(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block; then it is killed with all that it started. `log` takes what it prints.

    It has a session of its own, and ends with this process even so.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            tethered(command), cwd=ROOT, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@contextmanager
def server(
    command: Sequence[str], port: int, log: Path, *, environment: Mapping[str, str] | None = None, seconds: float = 120
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a server that listens on the port for the length of the block; `log` takes what it prints."""
    with started(command, log, {**os.environ, **(environment or {})}) as process:

        def is_up() -> bool:
            assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')[-3000:]}"
            return listens(port)

        wait_for(is_up, seconds)
        yield process
