"""The journal on the disk: what a process that ends in any way leaves there, and that another brings it into the store once."""

import json
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from apps.usage import services
from apps.usage.journal import Journal
from apps.usage.posting import Entry, encoded, post
from apps.usage.records import Invocation, Outcome, reservation
from apps.usage.segments import SEGMENT_BYTES, frames
from apps.usage.shipping import Shipper
from apps.usage.totals import UnderWay
from foundation.adapters import limits
from foundation.ambient import new_id, now
from foundation.errors import Conflict, Denied, Problem, Unavailable
from foundation.identity import Caller
from foundation.ports import Claim, Reservation
from tests.conformance.processes import kill, python
from tests.running import wait_for

ROOM = 2**30
NOTING = """
import asyncio, json, os
from apps.usage import services
from apps.usage.records import Invocation, Outcome
from foundation.ambient import new_id, now

application = sys.argv[1]

async def one():
    while True:
        row = Invocation(application, new_id(), now(), "A", "a", "A", "text", Outcome.SUCCESS, 10, 5, 100)
        await services.note(row)
        print(row.invocation, flush=True)

async def many():
    await asyncio.gather(*(one() for _ in range(16)))
"""


def called(caller: Caller, **changed) -> Invocation:
    plain = {"served_by": "A", "model_kind": "text", "status": Outcome.SUCCESS, "input_tokens": 10, "output_tokens": 5}
    return Invocation(caller.application, new_id(), now(), "A", "a", latency_ms=100, **{**plain, **changed})


class Opened:
    """Journals of this test, with whoever ships them; all ended with it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.shippers: list[Shipper] = []

    def journal(self, limit: int = ROOM) -> Journal:
        return Journal(self.home, limit)

    def shipped(self, journal: Journal | None = None, work=post) -> Journal:
        shipper = Shipper(journal or self.journal(), work, lambda _: None, UnderWay())
        shipper.start()
        self.shippers.append(shipper)
        return shipper.journal

    def end(self) -> None:
        for shipper in self.shippers:
            shipper.finish()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made = Opened(tmp_path / "journal")
    yield made
    made.end()


def add(journal: Journal, *rows: Invocation, **more) -> None:
    journal.append([encoded(Entry(row, **more)) for row in rows])


def rows(caller: Caller) -> list[str]:
    return sorted(row.invocation for row in services.calls(caller.application, limit=1000).items)


def counted(caller: Caller) -> int:
    return sum(day.calls for day in services.daily(caller.application, None, None).items)


def abandoned(journal: Journal) -> Path:
    """The folder of a journal whose process is gone; the segment that it wrote to."""
    folder, current = journal.folder, journal.current.path
    journal.begin_anew()
    assert folder is not None
    return current


def test_what_is_appended_comes_into_the_store_and_its_full_segments_go(opened: Opened, caller: Caller):
    journal = opened.shipped()
    wanted = [called(caller, labels={"text": "x" * 20_000}) for _ in range(300)]
    for place in range(0, len(wanted), 10):
        add(journal, *wanted[place : place + 10])
    assert journal.written > SEGMENT_BYTES
    wait_for(lambda: not journal.waiting, 30)
    assert rows(caller) == sorted(row.invocation for row in wanted)
    assert counted(caller) == 300
    assert journal.folder is not None
    wait_for(lambda: len(list(journal.folder.glob("*.log"))) <= 2, 10)


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
    from apps.usage.segments import framed

    content = framed(b"first") + framed(b"second")
    found = [payload for _, payload in frames(content[:length])]
    assert found == [b"first", b"second"][: (length >= 13) + (length >= 27)]


def test_a_process_that_dies_after_the_store_has_its_block_does_not_count_it_twice(opened: Opened, caller: Caller):
    first = opened.journal()
    add(first, *(called(caller) for _ in range(5)))
    block = first.segments[0].next_block()
    assert block is not None
    from apps.usage.posting import DECODER

    post([DECODER.decode(payload) for payload in block.payloads], block.name)  # and here the process dies
    add(first, *(called(caller) for _ in range(3)))
    abandoned(first)
    opened.shipped()
    wait_for(lambda: len(rows(caller)) == 8, 30)
    wait_for(lambda: counted(caller) == 8, 30)


@pytest.mark.parametrize("failure", [Unavailable, Conflict, Denied])
def test_a_store_that_fails_in_the_middle_is_asked_again_and_counts_once(
    opened: Opened, caller: Caller, failure: type[Problem]
):
    failures = iter([True, True, False])

    def flapping(entries: Sequence[Entry], token: str) -> None:
        post(entries, token)
        if next(failures, False):
            raise failure("the answer of the store was lost, or it refuses the platform for a while")

    journal = opened.shipped(work=flapping)
    add(journal, *(called(caller) for _ in range(5)))
    wait_for(lambda: not journal.waiting, 30)
    assert (len(rows(caller)), counted(caller)) == (5, 5)
    assert not (opened.home / "refused").exists()


def test_a_row_that_the_store_calls_wrong_is_set_aside_and_stands_in_nobodys_way(opened: Opened, caller: Caller):
    wrong, good = called(caller), [called(caller) for _ in range(3)]

    def strict(entries: Sequence[Entry], token: str) -> None:
        if any(entry.row.invocation == wrong.invocation for entry in entries):
            raise Problem("the store refuses the platform: ValidationException")
        post(entries, token)

    journal = opened.shipped(work=strict)
    add(journal, good[0], wrong, *good[1:])
    wait_for(lambda: not journal.waiting, 30)
    assert counted(caller) == 3
    (aside,) = (opened.home / "refused").iterdir()
    assert aside.read_bytes() == encoded(Entry(wrong))


def test_of_a_message_that_two_workers_worked_on_the_row_and_the_sums_are_those_of_the_first(opened: Opened, caller: Caller):
    first = called(caller)
    second = replace(first, status=Outcome.FAILED, outcome="unavailable", input_tokens=0, output_tokens=0)
    for row in (first, second):
        journal = opened.shipped(opened.journal())
        add(journal, row, repeats=True)
        wait_for(lambda journal=journal: not journal.waiting, 30)
    kept, _ = services.call(caller.application, first.invocation)
    (day,) = services.daily(caller.application, None, None).items
    assert (kept.outcome, kept.input_tokens) == ("success", 10)
    assert (day.succeeded, day.failed, day.input_tokens) == (1, 0, 10)


def test_a_row_that_the_store_never_takes_is_set_aside_and_stands_in_nobodys_way(opened: Opened, caller: Caller):
    journal = opened.shipped()
    good = [called(caller) for _ in range(3)]
    odd = Invocation(caller.application, new_id(), now(), "a\x1fname", "a", "A", "text", Outcome.SUCCESS, 1, 1, 1)
    journal.append([encoded(Entry(row)) for row in (good[0], odd, *good[1:])] + [b"no entry at all"])
    wait_for(lambda: not journal.waiting, 30)
    assert counted(caller) == 3 and {row.invocation for row in good} <= set(rows(caller))
    aside = sorted((opened.home / "refused").iterdir())
    assert [path.read_bytes() for path in aside] == [encoded(Entry(odd)), b"no entry at all"]
    assert opened.shipped(opened.journal()).folder != opened.home / "refused"
    add(journal, called(caller))
    wait_for(lambda: counted(caller) == 4, 30)
    assert len(list((opened.home / "refused").iterdir())) == 2


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


def test_a_killed_process_leaves_every_noted_call_and_its_reservations_are_settled(caller: Caller):
    moment = now().timestamp()
    key = f"{caller.application}::tokens"
    invocation = new_id()
    held = Reservation(reservation(caller.application, invocation), (Claim(key, 1000, 5000, moment + 600),), moment + 600)
    limits.reserve([held])
    code = f"""
row = Invocation(application, {invocation!r}, now(), "A", "a", "A", "text", Outcome.SUCCESS, 10, 5, 100)
asyncio.run(services.note(row, {{{key!r}: "tokens"}}))
print(row.invocation, flush=True)
asyncio.run(many())
"""
    process = python(NOTING + code, caller.application)
    assert process.stdout is not None
    first = [process.stdout.readline().strip() for _ in range(200)]
    noted = {*first, *kill(process).split()}
    assert invocation in noted
    services.start()
    wait_for(lambda: noted - {""} <= set(every_row(caller)), 60)
    wait_for(lambda: counted(caller) == len(every_row(caller)), 30)
    wait_for(lambda: limits.used([key]) == [15], 30)


def every_row(caller: Caller) -> list[str]:
    found, cursor = [], None
    while True:
        page = services.calls(caller.application, limit=1000, cursor=cursor)
        found += [row.invocation for row in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


def test_a_process_that_ends_ships_the_rest_first(caller: Caller):
    code = """
row = Invocation(application, new_id(), now(), "A", "a", "A", "text", Outcome.SUCCESS, 10, 5, 100)
for _ in range(3):
    asyncio.run(services.note(Invocation(application, new_id(), now(), "A", "a", "A", "text", Outcome.SUCCESS, 10, 5, 100)))
"""
    process = python(NOTING + code, caller.application)
    assert process.wait(60) == 0
    assert (len(rows(caller)), counted(caller)) == (3, 3)


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
