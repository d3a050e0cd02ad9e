"""The platform with the one capability of tests/foundation/stage, in processes of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from foundation.adapters.embedded.messages import Messages
from foundation.adapters.embedded.queues import SqliteQueues
from foundation.manifest import Queue, minutes

MANAGE = Path(__file__).parent / "stage" / "manage.py"
QUEUES = (Queue("rehearsal", minutes(15), 3), Queue("hurried", minutes(1 / 60), 3))


class Stage:
    """Starts `manage.py` commands over one data folder, and looks into its queues and its diary."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.messages = Messages(home / "queues.db", QUEUES)
        self.queues = SqliteQueues(self.messages)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """A `manage.py` command as a process; its output goes to `<home>/log`."""
        self.home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "FOUNDATION_HOME": str(self.home), "SERVE": "all", **settings}
        with self.log.open("ab") as log:
            self.started.append(
                subprocess.Popen([sys.executable, str(MANAGE), *arguments], env=environment, stdout=log, stderr=log)
            )
        return self.started[-1]

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A `manage.py` command, waited for."""
        environment = {**os.environ, "FOUNDATION_HOME": str(self.home), "SERVE": "all", **settings}
        command = [sys.executable, str(MANAGE), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def worker(self, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """A worker of both queues."""
        return self.start("worker", WORKER_CONCURRENCY=str(concurrency))

    def send(self, task: str, word: str, queue: str = "rehearsal") -> None:
        self.queues.send(task, queue=queue, word=word)

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def diary(self) -> list[str]:
        """What the tasks wrote, in order."""
        path = self.home / "diary"
        return path.read_text().splitlines() if path.exists() else []

    def is_empty(self, queue: str = "rehearsal") -> bool:
        """Whether nothing waits, is worked on or is delayed."""
        depth = self.queues.depth(queue)
        return depth.waiting + depth.in_flight + depth.delayed == 0

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
