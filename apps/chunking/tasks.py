"""Messages of the chunking queue. Ids only; the work is in work."""

from apps.chunking import work
from foundation.celery import task


def abandon_job(reason: str, application: str, job: str) -> None:
    """The job's message was given up on."""
    work.abandon_begin(application, job, reason)


def abandon_file(reason: str, application: str, job: str, file: str) -> None:
    """The file's message was given up on."""
    work.abandon(application, job, file, reason)


@task("begin_chunking", queue=work.QUEUE, abandoned=abandon_job)
def begin_chunking(application: str, job: str) -> None:
    work.begin(application, job)


@task("chunk_file", queue=work.QUEUE, abandoned=abandon_file)
def chunk_file(application: str, job: str, file: str) -> None:
    work.chunk(application, job, file)
