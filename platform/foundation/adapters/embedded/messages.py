"""Messages in one SQLite file, with the semantics of SQS: visibility, receive count, delay, dead letters.

A message is durable once `put` returned and stays until it is taken away, dead or alive: a receiver that dies only makes
it visible again. What a receiver changes is safe from a killed process and may be undone by a power failure, which
delivers the message once more.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.receivers import is_gone, receiver
from foundation.ambient import new_id
from foundation.errors import NotFound
from foundation.manifest import Queue
from foundation.messages import Received
from foundation.ports import Depth

SCHEMA: Final = """
create table if not exists messages (
    id text primary key, queue text, body text, visible real, deliveries integer, receiver text, received real
) without rowid;
create index if not exists waiting on messages (queue, visible);
create index if not exists held on messages (receiver, received) where receiver is not null;
create table if not exists dead_letters (
    id text primary key, queue text, body text, deliveries integer, reason text, died real
) without rowid;
create index if not exists buried on dead_letters (queue, died, id);
"""
QUICK: Final = "pragma synchronous=normal;"  # commits outlive the process; only `put` has to outlive the machine's power
LONGEST_HOLD: Final = 12 * 3600.0  # as SQS has it: a receiver that hangs longer than this is believed no more
REASON_LENGTH: Final = 500

WAITING: Final = "select id from messages where queue = ? and visible <= ? order by visible limit ?"
RECEIVE: Final = """
update messages set visible = ?, deliveries = deliveries + 1, receiver = ?, received = ?
where id = ? returning id, queue, body, deliveries, id || ':' || deliveries
"""
MINE: Final = "id = ? and deliveries = ? and receiver is not null"
DEPTH: Final = """
select count(*) filter (where visible <= :now), count(*) filter (where receiver is not null and visible > :now),
       count(*) filter (where receiver is null and visible > :now)
from messages where queue = :queue
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up on, with its body as it was sent; `died` in seconds since 1970."""

    id: str
    queue: str
    body: str
    deliveries: int
    reason: str
    died: float


def _receipt(receipt: str) -> tuple[str, int]:
    name, _, deliveries = receipt.rpartition(":")
    return name, int(deliveries)


class Messages:
    """Every verb over messages. `clock` is wall time, as processes have to agree on it. A stale receipt changes nothing."""

    def __init__(self, path: Path, queues: Iterable[Queue], clock: Callable[[], float] = time.time) -> None:
        self.queues: Mapping[str, Queue] = {queue.name: queue for queue in queues}
        self.clock = clock
        self.safe, self.quick = Database(path, SCHEMA), Database(path, QUICK + SCHEMA)

    def queue(self, name: str) -> Queue:
        """The queue of that name; NotFound tells which there are."""
        if name not in self.queues:
            raise NotFound(f"there is no queue {name}; there is {', '.join(self.queues) or 'none'} here")
        return self.queues[name]

    def visibility(self, name: str) -> float:
        """Seconds for which a received message of the queue is hidden."""
        return self.queue(name).visibility.total_seconds()

    def put(self, queue: str, body: str, *, delay: float = 0) -> str:
        """Keep a message that is visible in `delay` seconds; its id."""
        name, visible = new_id(), self.clock() + delay
        with self.safe.writing() as connection:
            connection.execute(
                "insert into messages values (?, ?, ?, ?, 0, null, null)", (name, self.queue(queue).name, body, visible)
            )
        return name

    def receive(self, queues: Iterable[str], most: int) -> list[Received]:
        """Up to `most` visible messages, from the first of the queues as long as it has any; hidden from others for now."""
        found: list[Received] = []
        moment = self.clock()
        with self.quick.writing() as connection:
            for name in queues:
                until = moment + self.visibility(name)
                for (waiting,) in connection.execute(WAITING, (name, moment, most - len(found))).fetchall():
                    row = connection.execute(RECEIVE, (until, receiver(), moment, waiting)).fetchone()
                    found.append(Received(*row))
                if len(found) >= most:
                    break
        return found

    def dispose(self, acknowledged: Iterable[str] = (), returned: Iterable[tuple[str, float]] = ()) -> None:
        """Remove the messages of some receipts, and make others visible again in so many seconds."""
        moment = self.clock()
        with self.quick.writing() as connection:
            connection.executemany(f"delete from messages where {MINE}", map(_receipt, acknowledged))
            connection.executemany(
                f"update messages set visible = ?, receiver = null, received = null where {MINE}",
                ((moment + delay, *_receipt(receipt)) for receipt, delay in returned),
            )

    def extend(self, held: Iterable[Received]) -> None:
        """Hide messages for another visibility time, as their receiver is still at work, but never past LONGEST_HOLD."""
        moment = self.clock()
        with self.quick.writing() as connection:
            connection.executemany(
                f"update messages set visible = max(visible, ?) where {MINE} and received > ?",
                (
                    (
                        moment + self.visibility(each.queue),
                        each.id,
                        each.deliveries,
                        moment - LONGEST_HOLD,
                    )
                    for each in held
                ),
            )

    def bury(self, receipt: str, reason: str) -> None:
        """Make the message a dead letter, with the reason."""
        with self.quick.writing() as connection:
            connection.execute(
                "insert or replace into dead_letters select id, queue, body, deliveries, ?, ? from messages where " + MINE,
                (reason[:REASON_LENGTH], self.clock(), *_receipt(receipt)),
            )
            connection.execute(f"delete from messages where {MINE}", _receipt(receipt))

    def release_orphans(self) -> int:
        """Make visible at once what processes hold that are gone; the number of messages."""
        with self.quick.reading() as connection:
            holders = [
                row[0] for row in connection.execute("select distinct receiver from messages where receiver is not null")
            ]
        gone = [name for name in holders if name != receiver() and is_gone(name)]
        if not gone:
            return 0
        with self.quick.writing() as connection:
            changed = "update messages set visible = ?, receiver = null, received = null where receiver = ?"
            return sum(connection.execute(changed, (self.clock(), name)).rowcount for name in gone)

    def version(self) -> int:
        """A number that changes when another connection has changed anything; costs microseconds."""
        with self.quick.reading() as connection:
            return int(connection.execute("pragma data_version").fetchone()[0])

    def due(self, queues: Iterable[str]) -> float | None:
        """When the next message of these queues is visible, in seconds since 1970; None when there is none."""
        with self.quick.reading() as connection:
            moments = [
                connection.execute("select min(visible) from messages where queue = ?", (name,)).fetchone()[0]
                for name in queues
            ]
        return min((moment for moment in moments if moment is not None), default=None)

    def depth(self, queue: str) -> Depth:
        """How many are waiting, in flight, delayed and dead."""
        values = {"now": self.clock(), "queue": self.queue(queue).name}
        with self.quick.reading() as connection:
            waiting, in_flight, delayed = connection.execute(DEPTH, values).fetchone()
            dead = connection.execute("select count(*) from dead_letters where queue = ?", (queue,)).fetchone()[0]
        return Depth(waiting, in_flight, delayed, dead)

    def dead(self, queue: str, limit: int, after: tuple[float, str] = (0.0, "")) -> list[DeadLetter]:
        """Dead letters behind a position, oldest first."""
        with self.quick.reading() as connection:
            rows = connection.execute(
                "select * from dead_letters where queue = ? and (died, id) > (?, ?) order by died, id limit ?",
                (self.queue(queue).name, *after, limit),
            ).fetchall()
        return [DeadLetter(*row) for row in rows]

    def redrive(self, queue: str, message: str | None) -> int:
        """Put one dead letter, or all of them, back as if it had just been sent; the number moved."""
        name = self.queue(queue).name
        which, values = ("queue = ? and id = ?", (name, message)) if message else ("queue = ?", (name,))
        with self.safe.writing() as connection:
            return self._revived(connection, which, values)

    def _revived(self, connection: Connection, which: str, values: tuple[str, ...]) -> int:
        connection.execute(
            f"insert into messages select id, queue, body, ?, 0, null, null from dead_letters where {which}",
            (self.clock(), *values),
        )
        return connection.execute(f"delete from dead_letters where {which}", values).rowcount
