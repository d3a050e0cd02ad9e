"""`make run`, as a newcomer would see it: the whole journey, a killed worker, a second start, and nothing that calls out."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import free_port
from tests.running import ROOT, tethered, wait_for

WATCH = ROOT / "tests" / "journeys" / "watch"
MEMORY = 900 * 2**20
STAY = ("up", "web", "web", "worker")  # the processes that are left when that of the demo has gone


class Run:
    """One `manage.py up --demo`, with everything that it prints."""

    def __init__(self, home: Path, *arguments: str, before: tuple[str, ...] = ()) -> None:
        self.home, self.port = home, free_port()
        self.output = home.with_suffix(".out")
        self.seen = home.with_suffix(".connections")
        environment = {
            **os.environ,
            "FOUNDATION_HOME": str(home),
            "PORT": str(self.port),
            "PYTHONPATH": str(WATCH),
            "CONNECTIONS_SEEN": str(self.seen),
            "MODEL_ALIASES": "",
        }
        with self.output.open("ab") as output:
            command = tethered([*before, sys.executable, "manage.py", "up", "--demo", *arguments])
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    def text(self) -> str:
        return self.output.read_text()

    def says(self, words: str) -> bool:
        assert self.process.poll() in (None, 0), self.text()
        return words in self.text()

    def family(self) -> list[psutil.Process]:
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"


def isolated() -> tuple[str, ...]:
    """A command that runs another one without any network but loopback; empty where this machine does not allow it."""
    command = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')
    allowed = (
        shutil.which("unshare") and shutil.which("ip") and subprocess.run([*command, "true"], capture_output=True, check=False)
    )
    return command if allowed and allowed.returncode == 0 else ()


def test_the_journey_holds_without_a_network_and_nothing_calls_out(home: Path) -> None:
    run = Run(home, "--once", before=isolated())
    assert run.process.wait(240) == 0, run.text()
    assert "42 euros" in run.text()
    assert not run.seen.exists(), run.seen.read_text()


def test_it_stays_up_small_and_a_second_start_finds_all_data(home: Path) -> None:
    run = Run(home)
    wait_for(lambda: run.says("Usage accounted for") and len(run.family()) == len(STAY), 240)
    memory = sum(process.memory_full_info().pss for process in run.family())
    assert requests.get(f"http://127.0.0.1:{run.port}/service/health", timeout=10).json() == {"status": "UP"}
    assert memory < MEMORY, f"{memory / 2**20:.0f} MB"
    assert run.end() == 0
    assert "one-time password" in run.text()
    again = Run(home, "--once")
    assert again.process.wait(240) == 0, again.text()
    said = again.text().removeprefix(run.text())
    assert re.search(r"answer-from-passages, version 2\b", again.text()), said


def test_a_worker_killed_in_mid_journey_does_not_stop_it(home: Path) -> None:
    run = Run(home, "--once")
    wait_for(lambda: run.says("Documents uploaded"), 240, every=0.01)
    (worker,) = [process for process in run.family() if "worker" in process.cmdline()]
    worker.send_signal(signal.SIGKILL)
    assert run.process.wait(240) == 0, run.text()
