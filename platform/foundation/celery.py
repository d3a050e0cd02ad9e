"""Messages come in here: the Celery application, and the decorator that makes a function answer a message."""

import logging
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any, Final

from celery import Celery, Task
from celery.exceptions import Reject

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")

from foundation.ambient import number_between
from foundation.errors import Conflict, Problem
from foundation.ports import Deliveries, Delivery
from foundation.settings import CHOSEN, HOUSE

logger = logging.getLogger(__name__)
Work = Callable[..., None]

LONGEST_PAUSE: Final = 300.0  # seconds between two deliveries
STEPS: Final = 6  # after so many deliveries it is reached
BROKEN: Final = "an error in the platform ended the work on this; ask its operator to look at the dead letters"
UNFINISHED: Final = "no end was seen of {attempts} attempts: the worker was killed by each, or a store did not answer"

app: Final = Celery("foundation", fixups=[])  # Django is set up by manage.py, and there is no database to close
app.config_from_object("foundation.messaging")
app.autodiscover_tasks([capability.name for capability in HOUSE.needed])

deliveries: Final[Deliveries] = import_module(f"foundation.adapters.{CHOSEN.platform}.queues").deliveries(CHOSEN)
ATTEMPTS: Final[Mapping[str, int]] = {queue.name: queue.attempts for queue in HOUSE.known_queues}


def task(name: str, *, queue: str, abandoned: Work) -> Callable[[Work], Work]:
    """Have messages called `name` in `queue` call the decorated function with the ids that they carry.

    The message is done when the function returns. It is delivered again when the function raises a retryable error or its
    worker dies. After the queue's number of attempts, or at once for any other error, `abandoned(reason=..., **ids)` is
    called, until it does not raise a retryable error, and the message is a dead letter. Both must bear being repeated.
    """

    def registered(work: Work) -> Work:
        def handle(self: Task[Any, Any], /, *arguments: object, **ids: object) -> None:
            try:
                deliver(self.request.properties or {}, work, abandoned, ATTEMPTS[queue], arguments, ids)
            except (Problem, OSError) as refused:  # not even the outcome could be written down
                logger.warning("%s will be tried again: %s", name, refused)
                raise Reject(str(refused), requeue=True) from refused

        app.task(name=name, bind=True, typing=False)(handle)
        return work

    return registered


def deliver(
    properties: Mapping[str, Any],
    work: Work,
    abandoned: Work,
    attempts: int,
    arguments: tuple[object, ...],
    ids: Mapping[str, object],
) -> None:
    """One delivery of one message: work on it, and leave it done, postponed or dead. Raises what kept it from both."""
    delivery = deliveries.of(properties)
    if not is_well_formed(work, arguments, ids):
        return deliveries.bury(delivery.receipt, f"malformed: it does not carry the ids of its task, but {', '.join(ids)}")
    if delivery.count > attempts:
        told = UNFINISHED.format(attempts=attempts)
        return give_up(delivery, attempts, told, told, abandoned, ids)
    try:
        work(**ids)
    except Exception as raised:
        if is_retryable(raised) and delivery.count < attempts:
            logger.warning("delivery %d of %d failed: %s", delivery.count, attempts, raised)
            return deliveries.postpone(delivery.receipt, pause(delivery.count, raised))
        logger.exception("delivery %d of %d failed for good", delivery.count, attempts)
        told = raised.detail if isinstance(raised, Problem) and not is_operators(raised) else BROKEN
        give_up(delivery, attempts, told, f"{type(raised).__name__}: {raised}", abandoned, ids)


def give_up(delivery: Delivery, attempts: int, told: str, reason: str, abandoned: Work, ids: Mapping[str, object]) -> None:
    """Tell the capability that its message is dead, then make it a dead letter. While the capability's stores do not answer,
    the message comes again, ever more seldom, to tell it."""
    try:
        abandoned(reason=told, **ids)
    except Exception as raised:
        if is_retryable(raised) or is_operators(raised):
            logger.warning("what was abandoned is not yet marked as failed: %s", raised)
            return deliveries.postpone(delivery.receipt, pause(max(1, delivery.count - attempts + 1), raised))
        logger.exception("what was abandoned could not be marked as failed")
    deliveries.bury(delivery.receipt, reason)


def is_well_formed(work: Work, arguments: tuple[object, ...], ids: Mapping[str, object]) -> bool:
    """Whether the message carries exactly the ids that the task takes, each a text."""
    try:
        signature(work).bind(**ids)
    except TypeError:
        return False
    return not arguments and all(isinstance(value, str) for value in ids.values())


def is_retryable(raised: Exception) -> bool:
    """Whether a repeat may work: what the platform stands on failed, or others were faster; not the platform."""
    if isinstance(raised, Problem):
        return raised.retryable or isinstance(raised, Conflict)
    return isinstance(raised, OSError)


def is_operators(raised: Exception) -> bool:
    """Whether it is a Problem that only who runs the platform can solve, such as a right that is missing."""
    return isinstance(raised, Problem) and raised.status == Problem.status


def pause(count: int, raised: Exception) -> float:
    """Seconds until the next delivery: about 1, 4, 16, 64, then LONGEST_PAUSE, and never less than the error asks for."""
    wanted = raised.retry_after if isinstance(raised, Problem) else None
    return max(wanted or 0.0, min(4.0 ** (min(count, STEPS) - 1), LONGEST_PAUSE) * number_between(0.5, 1.5))
