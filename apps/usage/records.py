"""What usage remembers: one row for each model call, and a row of sums for each day and model."""

import enum
from datetime import datetime

from foundation.records import Record, record


class Outcome(enum.StrEnum):
    """How a call ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@record(table="invocations", key=("application", "invocation"), indexes={"by_created": ("application", "created")})
class Invocation(Record):
    """One model call. `model_name` and `model_id` are what was asked for, `served_by` the name of what answered."""

    application: str
    invocation: str
    created: datetime
    model_name: str
    model_id: str
    served_by: str
    model_kind: str
    status: Outcome
    input_tokens: int
    output_tokens: int
    latency_ms: int


@record(table="usage_days", key=("application", "day", "model_name", "served_by"))
class DayUsage(Record):
    """The calls of one application to one model on one day (UTC, as YYYY-MM-DD)."""

    application: str
    day: str
    model_name: str
    served_by: str
    model_id: str
    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    latency_ms: int = 0

    @property
    def calls(self) -> int:
        """All of them, whatever their end."""
        return self.succeeded + self.failed
