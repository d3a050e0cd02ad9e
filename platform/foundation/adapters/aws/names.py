"""The names of what the platform has in an AWS account: the adapters ask for them, the templates make them.

Every name begins with the deployment's (setting DEPLOYMENT), so that several stand side by side in one account.
"""

from foundation.records import Record


def table_name(deployment: str, kind: type[Record]) -> str:
    """The DynamoDB table of a record."""
    return f"{deployment}-{kind.kind.table}"


def queue_name(deployment: str, queue: str) -> str:
    """The SQS queue of a manifest's queue."""
    return f"{deployment}-{queue}"


def dead_queue_name(deployment: str, queue: str) -> str:
    """Where the dead letters of that queue lie."""
    return f"{deployment}-{queue}-dead"


def secret_name(deployment: str, name: str) -> str:
    """The secret in Secrets Manager that the Secrets port calls `name`."""
    return f"{deployment}/{name}"
