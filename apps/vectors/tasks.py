"""Messages of the vectors queue. Ids only; the work is in work.py."""

from apps.vectors import work
from foundation.celery import task


def abandon_begin(reason: str, application: str, job: str) -> None:
    """Handing out was given up on."""
    work.abandon_begin(application, job, reason)


def abandon_file(reason: str, application: str, job: str, file: str) -> None:
    """The file's message was given up on."""
    work.abandon(application, job, file, reason)


def abandon_rest(reason: str, application: str, store: str) -> None:
    """What is left of a removed store stays until the message is redriven."""


@task("begin_vectorize_job", queue=work.QUEUE, abandoned=abandon_begin)
def begin_vectorize_job(application: str, job: str) -> None:
    work.begin(application, job)


@task("vectorize_file", queue=work.QUEUE, abandoned=abandon_file)
def vectorize_file(application: str, job: str, file: str) -> None:
    work.vectorize(application, job, file)


@task("remove_rest_of_store", queue=work.QUEUE, abandoned=abandon_rest)
def remove_rest_of_store(application: str, store: str) -> None:
    work.remove_rest(application, store)
