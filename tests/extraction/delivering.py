"""The messages of the extraction queue, taken from it and given to the work as a worker does, with an engine of the test's."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

from apps.extraction import line, tasks, work
from apps.extraction.ports import QUEUE, Engine
from foundation import messages
from foundation.adapters import queues
from foundation.adapters.embedded.queues import store
from foundation.celery import Work, deliver
from foundation.settings import CHOSEN


def worker(engine: Engine, *applications: str) -> Callable[[], int]:
    """What takes each message of some applications' documents that is visible now to a worker; how many there were.

    In no order, as queues promise none.
    """
    chance = Random(1)

    def extract_document(application: str, job: str, file: str, turn: str = "0") -> None:
        work.extract(application, job, file, int(turn), reader=engine)

    def let_in_documents(application: str, turn: str) -> None:
        line.let_in(application, int(turn), engine, pause=0)

    known: dict[str, tuple[Work, Work]] = {
        "extract_document": (extract_document, tasks.abandon_document),
        "let_in_documents": (let_in_documents, tasks.look_again),
        "hand_out_documents": (tasks.hand_out_documents, tasks.abandon_rest),
    }

    def once() -> int:
        kept, done = store(CHOSEN), 0
        found = list(kept.receive([QUEUE], 1000))
        chance.shuffle(found)
        for message in found:
            order = messages.read(message.body)
            if order.ids.get("application") in applications and order.task in known:
                delivery = {"delivery_info": {"receipt": message.receipt, "deliveries": message.deliveries}}
                deliver(delivery, *known[order.task], 5, (), order.ids)
                done += 1
            kept.dispose(acknowledged=[message.receipt])
        return done

    return once


def worked(engine: Engine, *applications: str) -> int:
    """Work until there is no message; how many there were."""
    once, taken = worker(engine, *applications), 0
    while now := once():
        taken += now
        assert taken < 3000
    return taken


def lost() -> None:
    """Take every message that is visible now, as if it had never been sent."""
    kept = store(CHOSEN)
    kept.dispose(acknowledged=[message.receipt for message in kept.receive([QUEUE], 1000)])


def present(application: str) -> list[tuple[str, str]]:
    """The task, and the file or else the turn, of each message of an application, also of those that come later."""
    with closing(sqlite3.connect(CHOSEN.home / "queues.db")) as kept:
        orders = [messages.read(body) for (body,) in kept.execute("select body from messages where queue = ?", (QUEUE,))]
    own = [order for order in orders if order.ids.get("application") == application]
    return [(order.task, order.ids.get("file") or order.ids.get("turn", "")) for order in own]


def own_dead(application: str) -> list[Any]:
    """The dead letters of one application."""
    return [letter for letter in queues.dead(QUEUE, limit=1000).items if letter.ids.get("application") == application]
