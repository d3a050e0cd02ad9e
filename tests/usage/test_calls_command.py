"""`manage.py calls`: what the store refused comes on the account when an operator tries it again."""

import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.usage import services
from apps.usage.aside import put_aside
from apps.usage.journal import REFUSED, Journal
from apps.usage.posting import Entry, encoded, post
from apps.usage.records import Invocation, Outcome
from apps.usage.shipping import Shipper
from apps.usage.totals import UnderWay
from foundation.ambient import new_id, now
from foundation.errors import Problem
from foundation.identity import Caller
from foundation.settings import CHOSEN
from tests.running import wait_for

ASIDE = CHOSEN.journal_home / REFUSED


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("calls", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def called(caller: Caller, model: str = "a") -> Invocation:
    return Invocation(caller.application, new_id(), now(), model, model, model, "text", Outcome.SUCCESS, 10, 5, 100)


def refusing(entries: Sequence[Entry], token: str) -> None:
    raise Problem("the store refuses the platform: ValidationException")


def refused(*payloads: bytes) -> None:
    """Have a process of this machine set these aside."""
    journal = Journal(CHOSEN.journal_home, 2**30)
    shipper = Shipper(journal, refusing, lambda _: None, UnderWay())
    shipper.start()
    journal.append(payloads)
    wait_for(lambda: not journal.waiting, 30)
    shipper.finish()


@pytest.fixture(autouse=True)
def aside() -> Iterator[Path]:
    """Where calls are set aside: nothing before a test, and nothing after it."""
    assert not list(ASIDE.glob("*"))
    yield ASIDE
    for path in ASIDE.glob("*"):
        path.unlink()


def test_calls_that_were_set_aside_are_listed_and_doctor_names_the_command(caller: Caller, aside: Path) -> None:
    assert run("list").strip() == "No call was set aside." == run("post").strip()
    row = called(caller)
    refused(encoded(Entry(row)))
    (listed,) = run_json("list")
    assert (listed["app_id"], listed["call"], listed["model"]) == (caller.application, row.invocation, "a")
    assert Path(listed["file"]).parent == aside and listed["file"] in run("list")
    (finding,) = services.findings()
    assert not finding.good and "`manage.py calls post`" in finding.remedy


def test_a_call_that_another_command_puts_on_the_account_meanwhile_is_passed_by(caller: Caller, aside: Path) -> None:
    row = called(caller)
    refused(encoded(Entry(row)))
    (aside / "0-gone").symlink_to(aside / "removed since the folder was read")
    assert [each["call"] for each in run_json("list")] == [row.invocation]
    assert [each["call"] for each in run_json("post")] == [row.invocation]


def test_a_file_is_the_whole_call_or_none_whenever_its_process_is_killed(aside: Path) -> None:
    path = put_aside(CHOSEN.journal_home, "process/1/0", b"what no command can read")
    with path.open("rb") as reading:
        put_aside(CHOSEN.journal_home, "process/1/0", b"again")
        assert reading.read() == b"what no command can read", "a repeat takes the place of the file and writes into none"
    path.rename(path.with_name(f"{path.name}.new"))  # as a process leaves it that is killed while it writes
    assert run_json("list") == [] == run_json("post") and next(services.findings()).good
    assert put_aside(CHOSEN.journal_home, "process/1/0", b"again") == path and list(aside.iterdir()) == [path]


def test_calls_that_the_store_takes_now_come_on_the_account_once(caller: Caller, aside: Path) -> None:
    rows = [called(caller) for _ in range(3)]
    refused(*(encoded(Entry(row)) for row in rows))
    files = {path: path.read_bytes() for path in aside.iterdir()}
    assert {each["call"] for each in run_json("post")} == {row.invocation for row in rows}
    assert not list(aside.iterdir()) and next(services.findings()).good
    for path, content in files.items():
        path.write_bytes(content)  # as when the command is killed before it removes them
    run("post")
    (day,) = services.daily(caller.application, None, None).items
    assert (day.calls, day.input_tokens) == (3, 30)
    assert {row.invocation for row in services.calls(caller.application).items} == {row.invocation for row in rows}


def test_a_call_that_is_refused_again_stays_with_its_reason_and_stands_in_nobodys_way(caller: Caller, aside: Path) -> None:
    no_text = encoded(Entry(called(caller))).replace(b"text", b"\xff\xff\xff\xff")
    refused(encoded(Entry(called(caller, "a\x1fname"))), b"no call at all", no_text, encoded(Entry(called(caller))))
    assert len(run_json("list")) == 4
    with pytest.raises(CommandError, match="3 cannot be put on the account"):
        run("post")
    (day,) = services.daily(caller.application, None, None).items
    assert day.calls == 1 and len(list(aside.iterdir())) == 3


def test_a_call_at_which_the_store_breaks_stays_with_what_broke_and_stands_in_nobodys_way(
    caller: Caller, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(entries: Sequence[Entry], token: str) -> None:
        if entries[0].row.model_name == "odd":
            raise OverflowError("the store has no room for such a number")
        post(entries, token)

    refused(encoded(Entry(called(caller, "odd"))), encoded(Entry(called(caller))))
    monkeypatch.setattr("apps.usage.aside.post", breaking)
    with pytest.raises(CommandError, match="1 cannot be put on the account"):
        run("post")
    (day,) = services.daily(caller.application, None, None).items
    assert (day.calls, day.model_name) == (1, "a") and len(list(aside.iterdir())) == 1
