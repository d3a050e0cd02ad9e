"""Messages of the queues of invocation and of batches. Ids only; the work is in services and in batches.work."""

from apps.invocation import services
from apps.invocation.batches import work
from apps.invocation.batches.services import QUEUE as BATCHES
from foundation.celery import task


@task("invoke_async", queue="invocation", abandoned=services.abandon_async)
def invoke_async(application: str, invocation: str) -> None:
    services.work_async(application, invocation)


def abandon_batch(reason: str, application: str, batch: str) -> None:
    """The batch's message was given up on."""
    work.abandon(application, batch, reason)


def abandon_part(reason: str, application: str, batch: str, part: str) -> None:
    """The part's message was given up on."""
    work.abandon_part(application, batch, int(part), reason)


@task("begin_batch", queue=BATCHES, abandoned=abandon_batch)
def begin_batch(application: str, batch: str) -> None:
    work.begin(application, batch)


@task("answer_part", queue=BATCHES, abandoned=abandon_part)
def answer_part(application: str, batch: str, part: str) -> None:
    work.answer(application, batch, int(part))
