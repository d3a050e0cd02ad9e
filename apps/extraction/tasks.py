"""Messages of the extraction queue. Ids only; the work is in services."""

from apps.extraction import services
from foundation.celery import task


def abandon_document(reason: str, application: str, job: str, file: str, turn: str = "0") -> None:
    services.abandon_document(application, job, file, reason)


def abandon_rest(reason: str, application: str, job: str) -> None:
    services.abandon_rest(application, job, reason)


def look_again(reason: str, application: str, turn: str) -> None:
    services.look_again(application, int(turn))


@task("extract_document", queue="extraction", abandoned=abandon_document)
def extract_document(application: str, job: str, file: str, turn: str = "0") -> None:
    services.extract_document(application, job, file, int(turn))


@task("hand_out_documents", queue="extraction", abandoned=abandon_rest)
def hand_out_documents(application: str, job: str) -> None:
    services.hand_out_rest(application, job)


@task("let_in_documents", queue="extraction", abandoned=look_again)
def let_in_documents(application: str, turn: str) -> None:
    services.let_in(application, int(turn))
