"""Ships the journal to the store, behind the answers: one thread a process, which also takes over what dead ones left."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from apps.usage.aside import put_aside
from apps.usage.journal import Journal, Orphan, holding, orphans
from apps.usage.posting import DECODER, Entry, is_passing
from apps.usage.segments import Block, Segment
from apps.usage.totals import Totals, UnderWay
from foundation.ambient import number_between

logger = logging.getLogger(__name__)

PACE: Final = 0.5  # seconds
LOOK: Final = 5.0  # seconds from one look for dead processes to the next
SNAPSHOT: Final = 1.0
OLDEST: Final = 3600.0  # seconds for which a segment is written to: what is in the store stays no longer on this disk
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
GRACE: Final = 5.0  # seconds for the rest when the process ends
TOTALS: Final = "totals"

Post = Callable[[Sequence[Entry], str], None]


class Shipper:
    """Ships what is in a journal by `post`, and tells `told` of the calls that are in the store.

    `post` may be repeated with the same entries and token after a failure, in this process or the next. pace: the seconds
    from one shipping to the next.
    """

    def __init__(
        self,
        journal: Journal,
        post: Post,
        told: Callable[[Sequence[Entry]], None],
        under_way: UnderWay,
        pace: float = PACE,
    ) -> None:
        self.journal, self.post, self.told, self.under_way, self.pace = journal, post, told, under_way, pace
        self.process = 0
        self.starting = threading.Lock()

    def start(self) -> None:
        """Begin, in this process; a repeat does nothing. At the end of the process the rest is shipped, for 5 seconds."""
        if self.process == os.getpid():
            return
        with self.starting:
            if self.process == os.getpid():
                return
            self.adopted: list[Orphan] = []
            self.totals = Totals()
            self.looked, self.written = float("-inf"), b""
            self.ending, self.ended, self.writing = threading.Event(), threading.Event(), threading.Lock()
            self.process = os.getpid()
            threading.Thread(target=self._run, name="shipping", daemon=True).start()
            threading.Thread(target=self._watch, name="watching", daemon=True).start()
            atexit.register(self.finish)

    def finish(self) -> None:
        """Ship the rest now, for at most 5 seconds; what remains waits for the next process."""
        if self.process == os.getpid():
            self.ending.set()
            with self.journal.changed:
                self.journal.changed.notify_all()
            self.ended.wait(GRACE)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self.ending.is_set():
            try:
                self._work()
                pause = FIRST_PAUSE
                self._wait()
            except Exception as failed:  # whatever it is, the rows stay in the journal, and it is tried again
                logger.warning(
                    "the account is not in its store yet, and will be shipped: %s: %s", type(failed).__name__, failed
                )
                self.ending.wait(pause)
                pause = min(pause * number_between(1.5, 2.5), LONGEST_PAUSE)
        self._end()

    def _wait(self) -> None:
        """Until there is something to ship, but at least the pace and at most until the next look for dead processes."""
        self.ending.wait(self.pace)
        with self.journal.changed:
            self.journal.changed.wait_for(lambda: self.journal.waiting or self.ending.is_set(), LOOK)

    def _watch(self) -> None:
        """Beside the shipping, which may have to wait for the store: have room again after the disk was full, and say how
        things stand."""
        while not self.ended.is_set():
            if time.monotonic() - self.journal.opened > OLDEST:
                self.journal.retire()
            if self.journal.file < 0 or self.journal.is_crowded:
                self.journal.make_room()
            with suppress(OSError):
                self._snapshot()
            self.ended.wait(SNAPSHOT)

    def _end(self) -> None:
        end = time.monotonic() + GRACE
        while time.monotonic() < end:
            try:
                self.journal.retire()
                self._ship()
                break
            except Exception as failed:
                logger.warning("the account is not in its store yet: %s: %s", type(failed).__name__, failed)
                time.sleep(FIRST_PAUSE)
        with suppress(OSError):
            self._snapshot()
        self.ended.set()

    def _work(self) -> None:
        if time.monotonic() - self.looked > LOOK:
            self._adopt()
        self._ship()

    def _ship(self) -> None:
        """Ship all that there is: of this process first, one block of others after it."""
        while self._step(self.journal.segments) or self._step_of_orphans():
            pass

    def _step(self, segments: list[Segment]) -> int:
        """Ship one block; its size."""
        while segments and segments[0].is_done:
            segments[0].remove()
            del segments[0]
        block = segments[0].next_block() if segments else None
        if block is None:
            return 0
        moment = time.time()
        entries = self._put(block)
        self._tell(entries)
        size, journal = block.segment.finish(block), self.journal
        if segments is journal.segments:
            with journal.changed:
                journal.shipped, journal.shipped_rows = journal.shipped + size, journal.shipped_rows + len(block.payloads)
                journal.since = moment if journal.shipped < journal.written else None
        return size

    def _put(self, block: Block) -> list[Entry]:
        try:
            entries = [DECODER.decode(payload) for payload in block.payloads]
            self.post(entries, block.name)
        except Exception as failed:
            if is_passing(failed):
                raise
            entries = list(self._one_by_one(block))
        return entries

    def _tell(self, entries: Sequence[Entry]) -> None:
        self.totals.add([entry.row for entry in entries])
        self.told(entries)

    def _one_by_one(self, block: Block) -> Iterator[Entry]:
        """Ship a block that holds something which the store will never take; that is set aside and stands in nobody's way."""
        for place, payload in enumerate(block.payloads):
            name = f"{block.name}/{place}"
            try:
                entry = DECODER.decode(payload)
                self.post([entry], name)
                yield entry
            except Exception as failed:
                if is_passing(failed):
                    raise
                path = put_aside(self.journal.home, name, payload)
                logger.error("a call cannot be put on the account and is kept as %s: %s", path, type(failed).__name__)

    def _step_of_orphans(self) -> bool:
        if not self.adopted:
            return False
        orphan = self.adopted[0]
        if not self._step(orphan.segments):
            with holding(self.journal.home):
                self._inherit(orphan)
                orphan.remove()
            self.adopted.remove(orphan)
        self._count_adopted()
        return True

    def _adopt(self) -> None:
        self.looked = time.monotonic()
        with holding(self.journal.home):
            self.adopted += orphans(self.journal.home)
        self._count_adopted()

    def _count_adopted(self) -> None:
        self.journal.adopted = sum(orphan.waiting for orphan in self.adopted)
        self.journal.adopted_rows = sum(orphan.waiting_rows for orphan in self.adopted)

    def _inherit(self, orphan: Orphan) -> None:
        """Its totals are this process's from now on."""
        self.totals.take(read(orphan.folder / TOTALS), gauges=False)
        self._write_totals()

    def _snapshot(self) -> None:
        journal = self.journal
        self.totals.gauges = {
            "foundation_calls_under_way": self.under_way.count,
            "foundation_journal_waiting_bytes": journal.waiting,
            "foundation_journal_waiting_calls": journal.waiting_rows,
            "foundation_journal_lag_seconds": max(0.0, time.time() - journal.since) if journal.since else 0.0,
            "foundation_journal_full": int(journal.is_full),
        }
        self._write_totals()

    def _write_totals(self) -> None:
        with self.writing:
            content = msgspec.msgpack.encode(self.totals)
            if self.journal.folder is not None and content != self.written:
                draft = self.journal.folder / f"{TOTALS}.new"
                draft.write_bytes(content)
                draft.replace(self.journal.folder / TOTALS)
                self.written = content


def read(path: Path) -> Totals:
    """The totals that a process wrote; nothing where it wrote none."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Totals)
    except (OSError, msgspec.MsgspecError):
        return Totals()


def of_all(home: Path) -> Totals:
    """The totals of all processes of this machine that were there, at most a second old."""
    summed = Totals()
    with holding(home):
        for path in home.glob(f"*/{TOTALS}"):
            summed.take(read(path), gauges=True)
    return summed
