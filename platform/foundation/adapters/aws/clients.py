"""Clients of AWS's services, alike in time limits and retries, and what becomes of AWS's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from foundation.errors import Denied, Problem, Unavailable
from foundation.settings import Settings

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 10
CONNECTIONS: Final = 50  # of one client, in one process
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnrecognizedClientException"})
WRONG: Final = "ValidationException"


@cache
def session() -> boto3.session.Session:
    """What all clients of the process share: credentials, found as AWS's own tools find them, and models of services."""
    return boto3.session.Session()


def client(service: str, settings: Settings) -> Any:
    """A client of a service, by boto3's name for it; safe to share between threads, and made while one alone is running.

    AWS_ENDPOINT_URL_<SERVICE> names another server than the region's.
    """
    return session().client(
        service,
        region_name=settings.aws_region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=CONNECTIONS,
            tcp_keepalive=True,
        ),
    )


def code_of(refused: ClientError) -> str:
    """AWS's name for what it refused."""
    return str(refused.response.get("Error", {}).get("Code", ""))


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turns what a service refuses, or its silence, into Unavailable; `what` is the service in a reader's words.

    A refusal that a repeat cannot change is never tried again: Denied where a right is missing, a plain Problem where this
    request is wrong. What a caller can act on, its adapter catches inside.
    """
    try:
        yield
    except ClientError as refused:
        code = code_of(refused)
        if code in DENIED or code == WRONG:
            kind = Problem if code == WRONG else Denied
            raise kind(f"{what} refuses the platform: {code}: {refused.response['Error'].get('Message', '')}") from refused
        raise Unavailable(f"{what} does not answer: {code}", retry_after=5) from refused
    except ParamValidationError as wrong:
        raise Problem(f"{what} cannot be asked this: {wrong}") from wrong
    except BotoCoreError as refused:
        raise Unavailable(f"{what} does not answer: {type(refused).__name__}", retry_after=5) from refused
