"""The journal on the disk: what it takes, how it says that it is full, and what of it can be read after any end."""

import json
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest

from apps.usage.posting import Entry, encoded, post
from apps.usage.segments import framed, frames
from foundation.errors import Unavailable
from foundation.identity import Caller
from tests.conformance.processes import python
from tests.running import wait_for
from tests.usage.journals import Opened, abandoned, add, called, counted, rows


def test_a_torn_last_frame_is_ignored_and_all_before_it_arrive(opened: Opened, caller: Caller):
    journal = opened.journal()
    whole, torn = called(caller), called(caller)
    add(journal, whole)
    kept = journal.current.end
    add(journal, torn)
    end = journal.current.end
    path = abandoned(journal)
    content = bytearray(path.read_bytes())
    content[kept + (end - kept) // 2 : end] = bytes(end - kept - (end - kept) // 2)
    path.write_bytes(content)
    opened.shipped()
    wait_for(lambda: rows(caller) == [whole.invocation], 30)
    wait_for(lambda: not path.parent.exists(), 30)
    assert counted(caller) == 1


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_frames_end_where_they_are_cut(length: int):
    content = framed(b"first") + framed(b"second")
    found = [payload for _, payload in frames(content[:length])]
    assert found == [b"first", b"second"][: (length >= 13) + (length >= 27)]


def test_a_journal_over_its_limit_is_full_until_the_store_has_it(opened: Opened, caller: Caller):
    away = [True]

    def store(entries: Sequence[Entry], token: str) -> None:
        if away:
            raise Unavailable("away")
        post(entries, token)

    journal = opened.shipped(opened.journal(limit=2000), work=store)
    assert not journal.is_full
    add(journal, *(called(caller) for _ in range(10)))
    assert journal.is_full and journal.waiting_rows == 10
    add(journal, called(caller))  # one that was under way already
    away.clear()
    wait_for(lambda: not journal.is_full, 30)
    wait_for(lambda: counted(caller) == 11, 30)


def test_a_full_disk_lets_nobody_in_and_takes_what_is_under_way(tmp_path: Path, caller: Caller):
    process = python(
        """
import json, resource
from pathlib import Path
from apps.usage.journal import Journal
from apps.usage.segments import SEGMENT_BYTES

journal = Journal(Path(sys.argv[1]), 2**30)
journal.make_room()
resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES // 2, resource.RLIM_INFINITY))
said = [journal.is_full]
resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES - 1, resource.RLIM_INFINITY))
while not journal.is_full:
    journal.append([b"x" * 100_000])
under_way = 0
for _ in range(10):
    journal.append([b"y" * 100_000])
    under_way += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.make_room()
print(json.dumps([said, under_way, journal.is_full, journal.written_rows]))
""",
        str(tmp_path / "journal"),
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    before, under_way, full, written = json.loads(out)
    assert (before, under_way, full) == ([False], 10, False)
    (segment,) = (path for path in tmp_path.glob("journal/*/00000001.log"))
    assert len(list(frames(segment.read_bytes()))) == written


def test_of_rows_that_the_disk_does_not_take_together_none_is_kept(tmp_path: Path):
    """The first would fit into the rest of a segment, and there is no room for another one."""
    process = python(
        """
import json, resource
from pathlib import Path
from apps.usage.journal import Journal
from apps.usage.segments import SEGMENT_BYTES
from foundation.errors import Unavailable

journal = Journal(Path(sys.argv[1]), 2**30)
journal.make_room()
resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES - 1, resource.RLIM_INFINITY))
while journal.current.end < SEGMENT_BYTES - 250_000:
    journal.append([b"x" * 100_000])
before = journal.written_rows
try:
    journal.append([b"y" * 100_000, b"z" * 200_000])
    refused = False
except Unavailable:
    refused = True
after = journal.written_rows
journal.append([b"u" * 100_000])  # what fits is taken as before
print(json.dumps([refused, before, after, journal.written_rows]))
""",
        str(tmp_path / "journal"),
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    refused, before, after, written = json.loads(out)
    assert (refused, after, written) == (True, before, before + 1)
    found = [payload[:1] for path in tmp_path.glob("journal/*/*.log") for _, payload in frames(path.read_bytes())]
    assert found == [b"x"] * before + [b"u"]


def test_rows_that_are_more_than_a_segment_holds_are_written_together_and_arrive(opened: Opened, caller: Caller):
    journal = opened.shipped()
    wanted = [called(caller, labels={"text": "x" * 900_000}) for _ in range(6)]
    add(journal, *wanted)
    add(journal, called(caller))
    wait_for(lambda: not journal.waiting, 30)
    assert counted(caller) == 7
    assert set(rows(caller)) > {row.invocation for row in wanted}


def test_a_row_that_is_too_long_for_the_journal_leaves_out_what_its_caller_wrote(caller: Caller):
    long = called(caller, labels={"text": "x" * 2**21}, trace="t")
    assert len(encoded(Entry(long))) < 2000


def test_memory_does_not_grow_while_the_store_is_away(opened: Opened, caller: Caller):
    def away(entries: Sequence[Entry], token: str) -> None:
        raise Unavailable("away")

    journal = opened.shipped(work=away)
    payload = encoded(Entry(called(caller, labels={"text": "x" * 5000})))
    journal.append([payload] * 200)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        journal.append([payload] * 200)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert journal.waiting > 100 * 2**20
    assert grown < journal.waiting / 4
