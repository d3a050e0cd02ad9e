"""What invocation remembers: what was changed in the catalogue, and the calls that a queue works on, until an hour after
their last change."""

import enum
from datetime import datetime

from foundation.records import Record, record


PLATFORM = "platform"


@record(table="catalogue", key=("owner", "name"))
class CatalogueRow(Record):
    """A model that an administrator added or changed; `content` is the JSON of a Model. Models are no application's."""

    name: str
    content: str
    owner: str = PLATFORM


class AsyncStatus(enum.StrEnum):
    """Where an asynchronous invocation stands."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@record(table="async_invocations", key=("application", "invocation"), expires="expires")
class AsyncInvocation(Record):
    """One asynchronous call. What was asked lies in a file while it is needed; the answer is here."""

    application: str
    invocation: str
    created: datetime
    expires: datetime
    client: str
    model: str
    status: AsyncStatus = AsyncStatus.IN_PROGRESS
    served_by: str | None = None
    output_text: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None
