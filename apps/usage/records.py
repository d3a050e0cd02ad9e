"""What usage remembers: one row for each model call, and a row of sums for each day and model."""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from foundation.records import Record, record

MICRO: Final = 1_000_000
PARTITIONS: Final = 4  # of one application's calls: a list of them asks so many, and each takes 1,000 writes a second


class Outcome(enum.StrEnum):
    """How a call ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class Try(Struct, frozen=True):
    """One attempt at a deployment, of a fallback as `model/deployment`; and how it ended: `success`, or an error's code."""

    deployment: str
    outcome: str
    milliseconds: int


@record(
    table="invocations",
    key=("application", "invocation"),
    indexes={"by_created": ("application", "created")},
    expires="until",
    spread=PARTITIONS,
)
class Invocation(Record, frozen=True):
    """One model call. `model_name` and `model_id` are what was asked for, `served_by` the name of what answered.

    outcome: `success`, `cancelled` (the client went away), or the code of the error. Tokens as apps.invocation's Usage has
    them. cost: millionths of a US dollar; None: the model's prices are not known. first_token_ms: None: nothing came.
    tries: every deployment that was tried, the last one served. cache: `exact` or `semantic` where the answer was kept
    from before. prompt: the template's name and version; labels: the caller's own. findings: what the guard noted. finish:
    why the model ended its answer, where it says so. until: when the row is removed, None: never. estimated: tokens
    are counted here, not told by the provider: it told none, or a try broke off or was not answered.
    """

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
    outcome: str = "success"
    dialect: str = ""
    streamed: bool = False
    deployment: str = ""
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int | None = None
    first_token_ms: int | None = None
    tries: tuple[Try, ...] = ()
    cache: str = ""
    prompt: str = ""
    labels: Mapping[str, str] = {}
    findings: tuple[str, ...] = ()
    trace: str = ""  # the W3C traceparent that the request came with
    provider: str = ""
    finish: str = ""
    until: datetime | None = None
    estimated: bool = False

    @property
    def cost_usd(self) -> float | None:
        """The cost in US dollars, where it is known."""
        return None if self.cost is None else self.cost / MICRO


@record(table="contents", key=("application", "invocation"), expires="until", spread=PARTITIONS)
class Content(Record, frozen=True):
    """What was said to a model and by it, redacted; kept only where an application's policy says for how long."""

    application: str
    invocation: str
    until: datetime
    asked: str
    answered: str


def reservation(application: str, invocation: str) -> str:
    """The id under which the limits know a call: it is of its application's group, as the application's counters are."""
    return f"{application}:{invocation}"


def used(row: Invocation, reserved: Mapping[str, str]) -> Mapping[str, int]:
    """What a call used of the limits that were reserved for it: amounts by key, of `reserved`, kind by key."""
    return amounts(reserved, row.input_tokens + row.output_tokens, row.cost)


def amounts(reserved: Mapping[str, str], tokens: int, cost: int | None) -> Mapping[str, int]:
    """The same from tokens and cost. Kinds that are neither are settled by the end of the call alone."""
    by_kind = {"tokens": tokens, "cost": cost or 0}
    return {key: by_kind[kind] for key, kind in reserved.items() if kind in by_kind}


@record(table="usage_days", key=("application", "day", "model_name", "served_by"), expires="until")
class DayUsage(Record, frozen=True):
    """The calls of one application to one model on one day (UTC, as YYYY-MM-DD). cost: millionths of a US dollar."""

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
    cached_tokens: int = 0
    cache_hits: int = 0
    cost: int = 0
    until: datetime | None = None

    @property
    def calls(self) -> int:
        """All of them, whatever their end."""
        return self.succeeded + self.failed

    @property
    def cost_usd(self) -> float:
        """The cost in US dollars."""
        return self.cost / MICRO
