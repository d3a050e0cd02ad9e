"""The names that the adapters use, in templates, where the deployment's own name is a parameter."""

from typing import Final

from troposphere import Sub

from foundation.adapters.aws import names
from foundation.records import Record

DEPLOYMENT: Final = "${Deployment}"
VAULT: Final = "backups"
CACHE: Final = "cache"
CACHE_USER: Final = "processes"


def table_name(kind: type[Record]) -> Sub:
    """The DynamoDB table of a record."""
    return Sub(names.table_name(DEPLOYMENT, kind))


def queue_name(queue: str) -> Sub:
    """The SQS queue of a manifest's queue."""
    return Sub(names.queue_name(DEPLOYMENT, queue))


def dead_queue_name(queue: str) -> Sub:
    """Where its dead letters lie."""
    return Sub(names.dead_queue_name(DEPLOYMENT, queue))
