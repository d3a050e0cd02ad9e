"""The servers of the tests end with them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import free_port
from tests.running import ROOT, wait_for
from tests.servers.starting import listens, server

HOLDS = """
import sys, time
from pathlib import Path
from tests.servers.starting import server

with server([sys.executable, "-m", "http.server", sys.argv[1]], int(sys.argv[1]), Path(sys.argv[2])):
    time.sleep(600)
"""


def test_a_server_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", HOLDS, str(port), str(tmp_path / "log")]
    tests = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/platform"})
    wait_for(lambda: listens(port))
    tests.send_signal(signal.SIGKILL)
    tests.wait(30)
    wait_for(lambda: not listens(port))


def test_a_server_ends_with_its_block(tmp_path: Path) -> None:
    port = free_port()
    with server([sys.executable, "-m", "http.server", str(port)], port, tmp_path / "log") as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL and not listens(port)
