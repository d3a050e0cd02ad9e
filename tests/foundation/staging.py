"""The platform with the one capability of tests/foundation/stage, in processes of its own."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from foundation.adapters.aws.queues import SqsQueues
from foundation.adapters.embedded.messages import Messages
from foundation.adapters.embedded.queues import SqliteQueues
from foundation.manifest import Queue, minutes
from foundation.ports import DeadMessage, Depth, Queues
from foundation.receiving import Mailbox
from tests.running import tethered
from tests.servers.elasticmq import ElasticMq
from tests.servers.moto import Moto

MANAGE = Path(__file__).parent / "stage" / "manage.py"
QUEUES = (
    Queue("rehearsal", minutes(15), 3),
    Queue("hurried", minutes(1 / 60), 3),
    Queue("brief", minutes(4 / 60), 3),
)


class Stage:
    """Starts `manage.py` commands over one data folder, and looks into its queues and its diary.

    queue: the one that tests send to when they name none. shortest: the one of the shortest visibility that its platform bears.
    """

    queue, shortest = "rehearsal", "hurried"

    def __init__(self, home: Path, queues: SqsQueues | None = None, **settings: str) -> None:
        self.home, self.settings = home, settings
        own = SqliteQueues(Messages(home / "queues.db", QUEUES))
        self.queues: Queues = queues or own
        self.messages: Mailbox = queues.messages if queues else own.store
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """A `manage.py` command as a process; its output goes to `<home>/log`."""
        self.home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "FOUNDATION_HOME": str(self.home), "SERVE": "all", **self.settings, **settings}
        with self.log.open("ab") as log:
            self.started.append(
                subprocess.Popen(tethered([sys.executable, str(MANAGE), *arguments]), env=environment, stdout=log, stderr=log)
            )
        return self.started[-1]

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A `manage.py` command, waited for."""
        environment = {**os.environ, "FOUNDATION_HOME": str(self.home), "SERVE": "all", **self.settings, **settings}
        command = [sys.executable, str(MANAGE), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def worker(self, concurrency: int = 2, queue: str | None = None) -> subprocess.Popen[bytes]:
        """A worker of one queue, or of all."""
        return self.start("worker", *(["--queue", queue] if queue else []), WORKER_CONCURRENCY=str(concurrency))

    def send(self, task: str, word: str, queue: str | None = None) -> None:
        self.queues.send(task, queue=queue or self.queue, word=word)

    def depth(self, queue: str | None = None) -> Depth:
        return self.queues.depth(queue or self.queue)

    def dead(self) -> Sequence[DeadMessage]:
        return self.queues.dead(self.queue).items

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def diary(self) -> list[str]:
        """What the tasks wrote, in order."""
        path = self.home / "diary"
        return path.read_text().splitlines() if path.exists() else []

    def is_empty(self, queue: str | None = None) -> bool:
        """Whether nothing waits, is worked on or is delayed."""
        depth = self.depth(queue)
        return depth.waiting + depth.in_flight + depth.delayed == 0

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


class StageOnSqs(Stage):
    """The same on SQS, which its workers reach by `door` if need be; the test itself reaches it directly."""

    queue = shortest = "brief"

    def __init__(self, home: Path, server: ElasticMq, door: int | None = None) -> None:
        deployment = f"s-{uuid.uuid4().hex[:8]}"
        server.make(deployment, *QUEUES)
        told = {**Moto("http://nowhere").told, "DEPLOYMENT": deployment, **server.environment(door)}
        super().__init__(home, server.queues(*QUEUES, deployment=deployment), **told)

    def worker(self, concurrency: int = 2, queue: str | None = None) -> subprocess.Popen[bytes]:
        """A worker of one queue, as a deployment has them."""
        return super().worker(concurrency, queue or self.queue)


PLATFORMS = ("embedded", "sqs")


def on_each_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A fixture, to be made with `params=PLATFORMS`: a stage of its own for each test, on each platform."""
    home = tmp_path / "home"
    made = Stage(home) if request.param == "embedded" else StageOnSqs(home, request.getfixturevalue("elasticmq"))
    yield made
    made.close()
