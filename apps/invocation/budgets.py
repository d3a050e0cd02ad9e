"""The account is the truth of what was spent: the counters of budgets are raised to it before the first call that counts in
them, and every minute from then on.

So a budget that is set in the middle of a month knows what the month has cost, and what a lost counter had counted is known.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeAlias

from apps.applications.records import Policy
from apps.invocation.claims import LIMITS, bounds_of, counter
from apps.usage import services as usage
from apps.usage.records import DayUsage
from foundation.adapters import limits
from foundation.errors import Problem
from foundation.grouped import Grouped
from foundation.ports import Floor
from foundation.records import MAXIMUM_PAGE

EVERY: Final = 60.0
AGAIN: Final = 5.0  # seconds after which it is tried again when the account could not be read
REMEMBERED: Final = 10_000

Budgets: TypeAlias = tuple[str, date, tuple[tuple[str, str], ...]]
"""An application, a day, and the budgets that count on it: each by the model's name (empty: all) and the limit's name."""

known: Final[dict[Budgets, float]] = {}


async def in_step(policy: Policy, model: str, moment: datetime) -> None:
    """Have the budgets that a call of this model counts in know of what is on the account; waits for it the first time."""
    which = (policy.application, moment.date(), bounds_of(policy, model).budgets)
    due = known.get(which)
    if due is None:
        await raising.done(which)
    elif due <= time.monotonic():
        known[which] = time.monotonic() + EVERY
        raising.later(which)


def spent(application: str, day: date) -> Mapping[tuple[str, str], int]:
    """What an application has spent in millionths of a dollar: on this day and in its month up to it, by (model, "day" or
    "month"); the model is empty for all of them."""
    sums: dict[tuple[str, str], int] = {}
    for row in rows(application, day.replace(day=1), day):
        spans = ("day", "month") if row.day == day.isoformat() else ("month",)
        for key in ((model, span) for model in ("", row.model_name) for span in spans):
            sums[key] = sums.get(key, 0) + row.cost
    return sums


def rows(application: str, start: date, end: date) -> Iterator[DayUsage]:
    """The days of the account, page by page."""
    cursor = None
    while True:
        page = usage.daily(application, start, end, limit=MAXIMUM_PAGE, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return


def floors(which: Budgets) -> Iterator[Floor]:
    """What the counters of budgets count at least."""
    application, day, budgets = which
    by_name = {limit.name: limit for limit in LIMITS}
    sums = spent(application, day)
    for model, name in budgets:
        limit = by_name[name]
        yield Floor(counter(application, model, limit, day), sums.get((model, name), 0), limit.ends(day))


def raised(wanted: Sequence[Budgets]) -> Sequence[None]:
    """Raise the counters of each to the account; where that cannot be read now, they hold as they are and it is tried again."""
    for which in dict.fromkeys(wanted):
        try:
            limits.raise_to(list(floors(which)))
            wait = EVERY
        except Problem:
            wait = AGAIN
        if len(known) >= REMEMBERED:
            known.clear()
        known[which] = time.monotonic() + wait
    return [None] * len(wanted)


raising: Final[Grouped[Budgets, None]] = Grouped("budgets", raised)
