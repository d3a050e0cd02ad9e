"""30: a disk that is full or read-only gives a clear error, corrupts nothing, and all goes on when it is mended."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.adapters.embedded.counters import SqliteCounters
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.files import DiskFiles
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from tests.conformance.processes import python
from tests.conformance.shapes import Note

NOBODY = 65534
STORES = """
import json, os, resource
from pathlib import Path
from django.test import Client
from urllib.parse import urlsplit
from foundation.adapters.embedded.counters import SCHEMA as COUNTERS
from foundation.adapters.embedded.counters import SqliteCounters
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.files import DiskFiles
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.errors import Unavailable
from foundation.records import ANY
from tests.conformance.shapes import Note

home = Path(sys.argv[1])

def opened():
    return (
        SqliteRecords(Database(home / "records.db", SCHEMA)),
        SqliteCounters(Database(home / "counters.db", COUNTERS)),
        DiskFiles(home / "files", "http://here"),
    )

def outcome(work):
    try:
        work()
        return "done"
    except Unavailable as refused:
        return refused.detail

def tell(stores):
    records, counters, files = stores
    print(json.dumps({
        "record": outcome(lambda: records.put(Note("a", "last"), expect=ANY)),
        "counter": outcome(lambda: counters.add("k", window=3600)),
        "file": outcome(lambda: files.write("uploads/last", b"x" * 2**20)),
    }), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that the user nobody can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="foundation-fault-"))
    yield folder
    shutil.rmtree(folder)


def told(process: "subprocess.Popen[str]") -> Any:
    """The next line of a process, as JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return json.loads(line)


def go_on(process: "subprocess.Popen[str]") -> None:
    """Let a process do its next step."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def integrity(file: Path) -> Any:
    return Database(file, "").connection().execute("pragma integrity_check").fetchone()


def test_a_full_disk_refuses_clearly_keeps_what_was_acknowledged_and_recovers(home: Path) -> None:
    work = """
stores = records, counters, files = opened()
files.write("uploads/first", b"first")
counters.add("k", window=3600)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, resource.RLIM_INFINITY))
def until_refused(work):
    done = 0
    while (told := outcome(lambda: work(done))) == "done":
        done += 1
    return done, told

kept, record = until_refused(lambda number: records.put(Note("a", f"{number:06}", topic="x" * 1000)))
_, counter = until_refused(lambda number: counters.add(f"{number}", window=3600))
file = outcome(lambda: files.write("uploads/last", b"x" * 2**20))
print(json.dumps([kept, {"record": record, "counter": counter, "file": file}]), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
tell(stores)
"""
    process = python(STORES + work, str(home))
    acknowledged, refused = told(process)
    assert acknowledged > 5
    assert all(
        name in refused[kind] for kind, name in (("record", "records.db"), ("counter", "counters.db"), ("file", "store"))
    )
    assert told(process) == dict.fromkeys(("record", "counter", "file"), "done")
    go_on(process)
    assert process.wait(30) == 0
    records = SqliteRecords(Database(home / "records.db", SCHEMA))
    for number in range(acknowledged):
        assert records.get(Note, "a", f"{number:06}") is not None
    assert records.get(Note, "a", f"{acknowledged:06}") is None, "what was refused is not there"
    assert records.get(Note, "a", "last") is not None
    assert [integrity(home / name) for name in ("records.db", "counters.db")] == [("ok",), ("ok",)]
    files = DiskFiles(home / "files", "http://here")
    assert files.read("uploads/first") == b"first"
    assert sorted(file.name for file in (home / "files" / "uploads").iterdir()) == ["first", "last"]
    assert list((home / "files" / ".drafts").iterdir()) == []


def test_an_upload_to_a_full_disk_is_503_and_leaves_what_was_there(home: Path) -> None:
    work = """
from foundation import adapters
files = adapters.files
url = files.upload_url("uploads/a", limit=2**21)
put = lambda content: Client().put(urlsplit(url).path, content, content_type="")
first = put(b"first").status_code
resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, resource.RLIM_INFINITY))
full = put(b"x" * 2**20)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
kept = files.read("uploads/a").decode()
print(json.dumps([first, full.status_code, full.json(), full.headers.get("Retry-After"), kept, put(b"x" * 2**20).status_code]))
"""
    process = python(STORES + work, str(home), FOUNDATION_HOME=str(home))
    first, status, body, retry_after, kept, mended = told(process)
    assert (first, status, body["code"], retry_after, kept, mended) == (200, 503, "unavailable", "30", "first", 200)
    assert "too large" in body["detail"]
    process.communicate()


def test_a_folder_that_is_read_only_refuses_clearly_and_recovers(home: Path) -> None:
    work = """
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
stores = opened()
tell(stores)
for store in stores[:2]:
    store.database.close()
tell(opened())
tell(opened())
"""
    home.chmod(0o777)
    process = python(STORES + work, str(home))
    assert told(process) == dict.fromkeys(("record", "counter", "file"), "done")
    writable(home, False)
    go_on(process)
    refused = told(process)
    assert "done" not in refused.values()
    assert all(
        name in refused[kind] for kind, name in (("record", "records.db"), ("counter", "counters.db"), ("file", "store"))
    )
    writable(home, True)
    go_on(process)
    assert told(process) == dict.fromkeys(("record", "counter", "file"), "done")
    go_on(process)
    assert process.wait(30) == 0
    assert integrity(home / "records.db") == ("ok",)
    from foundation.adapters.embedded.counters import SCHEMA as COUNTERS

    assert SqliteCounters(Database(home / "counters.db", COUNTERS)).read("k") == 2


def writable(home: Path, allowed: bool) -> None:
    """Let the owner of everything in a folder write to it, or not."""
    for place in [home, *home.rglob("*")]:
        place.chmod((0o777 if allowed else 0o555) if place.is_dir() else (0o666 if allowed else 0o444))
    assert os.access(home, os.R_OK)
