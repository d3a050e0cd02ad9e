"""31: the web process is killed during 100 uploads; after its restart no half file is there, and all can be repeated."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from foundation.adapters.embedded.files import DiskFiles
from foundation.settings import CHOSEN
from tests.conftest import free_port
from tests.running import Platform, wait_for

UPLOADS = 100
SIZE = 2**21


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform of its own, which signs URLs as this process does."""
    running = Platform(tmp_path / "home", free_port(), SECRET_KEY=CHOSEN.secret_key, SERVE="prompts,applications")
    running.start()
    yield running
    running.stop()


def content(number: int) -> bytes:
    return bytes([number]) * SIZE


def children(process: int) -> list[int]:
    """The processes below one, at any depth."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found += [int(each.parent.name), *children(int(each.parent.name))]
    return found


def is_web(process: int) -> bool:
    try:
        return b"\0web\0" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def upload(url: str, number: int) -> bool:
    """Whether the upload was acknowledged."""
    try:
        return requests.put(url, data=content(number), timeout=30).status_code == 200
    except requests.RequestException:
        return False


def test_no_half_file_is_there_and_all_acknowledged_are_whole(platform: Platform) -> None:
    files = DiskFiles(platform.home / "files", platform.url)
    urls = [files.upload_url(f"uploads/fault/{number}", limit=SIZE) for number in range(UPLOADS)]
    acknowledged: set[int] = set()
    enough = threading.Event()

    def send(number: int) -> None:
        if upload(urls[number], number):
            acknowledged.add(number)
        if len(acknowledged) >= 20:
            enough.set()

    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(send, number) for number in range(UPLOADS)]
        assert enough.wait(60)
        assert platform.process is not None
        web = [process for process in children(platform.process.pid) if is_web(process)]
        for process in web:
            os.kill(process, signal.SIGKILL)
        for each in sent:
            each.result()
    assert web
    assert 20 <= len(acknowledged) < UPLOADS, "the kill came while uploads were under way"
    for number in range(UPLOADS):
        found = files.find(f"uploads/fault/{number}")
        assert number not in acknowledged or found is not None
        assert found is None or files.read(f"uploads/fault/{number}") == content(number)
    wait_for(platform.is_up, 60)
    for number in range(UPLOADS):
        assert upload(urls[number], number)
        assert files.read(f"uploads/fault/{number}") == content(number)
