"""From the journal into the store: each call once, whatever becomes of the process or of the store on the way."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from apps.usage import services
from apps.usage.posting import DECODER, Entry, encoded, post
from apps.usage.records import Invocation, Outcome, reservation
from apps.usage.segments import SEGMENT_BYTES
from foundation.adapters import limits
from foundation.ambient import new_id, now
from foundation.errors import Conflict, Denied, Problem, Unavailable
from foundation.identity import Caller
from foundation.ports import Claim, Reservation
from tests.conformance.processes import kill, python
from tests.running import wait_for
from tests.usage.journals import Opened, abandoned, add, called, counted, rows

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


def test_a_process_that_dies_after_the_store_has_its_block_does_not_count_it_twice(opened: Opened, caller: Caller):
    first = opened.journal()
    add(first, *(called(caller) for _ in range(5)))
    block = first.segments[0].next_block()
    assert block is not None
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
for _ in range(3):
    asyncio.run(services.note(Invocation(application, new_id(), now(), "A", "a", "A", "text", Outcome.SUCCESS, 10, 5, 100)))
"""
    process = python(NOTING + code, caller.application)
    assert process.wait(60) == 0
    assert (len(rows(caller)), counted(caller)) == (3, 3)
