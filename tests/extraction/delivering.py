"""The messages of the extraction queue, taken from it and given to the work as a worker does, with an engine of the test's."""

from collections.abc import Callable
from typing import Any

from apps.extraction import tasks, work
from apps.extraction.ports import Engine
from foundation import messages
from foundation.adapters import queues
from foundation.adapters.embedded.queues import store
from foundation.celery import deliver
from foundation.settings import CHOSEN


def worker(engine: Engine, application: str) -> Callable[[], int]:
    """What takes each message of an application's documents that is visible now to a worker; how many there were."""

    def extract_document(application: str, job: str, file: str, turn: str = "0") -> None:
        work.extract(application, job, file, int(turn), reader=engine)

    def once() -> int:
        kept, done = store(CHOSEN), 0
        for message in kept.receive([work.QUEUE], 1000):
            order = messages.read(message.body)
            if order.ids.get("application") == application and order.task == "extract_document":
                known = {"delivery_info": {"receipt": message.receipt, "deliveries": message.deliveries}}
                deliver(known, extract_document, tasks.abandon_document, 5, (), order.ids)
                done += 1
            kept.dispose(acknowledged=[message.receipt])
        return done

    return once


def worked(engine: Engine, application: str) -> int:
    """Work until there is no message; how many there were."""
    once, taken = worker(engine, application), 0
    while now := once():
        taken += now
        assert taken < 500
    return taken


def received(application: str) -> None:
    """Take every message of an application that is visible now."""
    kept = store(CHOSEN)
    for message in kept.receive([work.QUEUE], 1000):
        assert messages.read(message.body).ids["application"] == application
        kept.dispose(acknowledged=[message.receipt])


def own_dead(application: str) -> list[Any]:
    """The dead letters of one application."""
    return [letter for letter in queues.dead(work.QUEUE, limit=1000).items if letter.ids.get("application") == application]
