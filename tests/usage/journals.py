"""Journals of tests, and whoever ships them: what is put into one, and what the store has of it."""

from pathlib import Path

from apps.usage import services
from apps.usage.journal import Journal
from apps.usage.posting import Entry, encoded, post
from apps.usage.records import Invocation, Outcome
from apps.usage.shipping import Shipper
from apps.usage.totals import UnderWay
from foundation.ambient import new_id, now
from foundation.identity import Caller

ROOM = 2**30


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


def add(journal: Journal, *rows: Invocation, **more) -> None:
    journal.append([encoded(Entry(row, **more)) for row in rows])


def rows(caller: Caller) -> list[str]:
    return sorted(row.invocation for row in services.calls(caller.application, limit=1000).items)


def counted(caller: Caller) -> int:
    return sum(day.calls for day in services.daily(caller.application, None, None).items)


def abandoned(journal: Journal) -> Path:
    """The segment that a journal wrote to whose process is gone."""
    current = journal.current.path
    journal.begin_anew()
    return current
