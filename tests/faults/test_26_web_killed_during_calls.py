"""26: the web process is killed, or stopped, while calls are under way; every answered one is on the account, once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from tests.running import wait_for
from tests.usage.provider import Gateway, gateway

CLIENTS = 8


@contextmanager
def load(door: Gateway) -> Iterator[None]:
    """Clients that call without a pause, for as long as this is open."""
    over = threading.Event()

    def client() -> None:
        with requests.Session() as session:
            while not over.is_set():
                door.call(session)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in clients:
            each.join(60)


def web_processes(door: Gateway) -> list[psutil.Process]:
    assert door.platform.process is not None
    family = psutil.Process(door.platform.process.pid).children(recursive=True)
    return [process for process in family if process.cmdline()[-1:] == ["web"]]


def test_no_answered_call_is_without_its_row_after_a_kill_and_each_counts_once(tmp_path: Path) -> None:
    with gateway(tmp_path / "home", WEB_CONCURRENCY="2") as door:
        with load(door):
            wait_for(lambda: len(door.answered) > 100)
            killed = web_processes(door)
            for process in killed:
                os.kill(process.pid, signal.SIGKILL)
            before = len(door.answered)
            wait_for(door.platform.is_up, 60)
            wait_for(lambda: len(door.answered) > before + 100)
        assert len(killed) >= 2
        wait_for(door.all_arrived, 30)


def test_sigterm_loses_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path / "home") as door:
        with load(door):
            wait_for(lambda: len(door.answered) > 100)
            assert door.platform.stop() == 0
        assert door.all_arrived(), "what was answered is in the store when the platform has stopped"
        assert not [path for path in (tmp_path / "home" / "journal").glob("*/*.log") if unshipped(path)]


def unshipped(path: Path) -> bool:
    """Whether a segment holds what is not in the store."""
    from apps.usage.segments import Segment

    return not Segment.left_behind(path).is_done
