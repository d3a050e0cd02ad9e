"""Which limits a call counts in: the counter of each, what the call may use of it, and when it begins anew.

A minute begins with the first call in it. Days and months are those of UTC; money is counted in millionths of a US dollar.
"""

import calendar
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from apps.applications.records import Allowance, Policy
from apps.invocation import excess
from apps.invocation.balance import chain
from apps.invocation.calls import Call
from apps.invocation.invocations import Usage
from apps.invocation.records import Kind, Model
from apps.invocation.sizes import Size, size_of
from foundation.errors import Forbidden
from foundation.ports import Claim

MICRO: Final = 1_000_000
MINUTE: Final = 60
COST: Final = "cost"
REMEMBERED: Final = 10_000
HALF_A_MILLISECOND: Final = 0.0005
REQUESTS: Final = frozenset({"requests"})
ONE: Final = {"requests": 1, "concurrent": 1}
USED_UP: Final = frozenset({"tokens", COST})
TOLD: Final[Mapping[str, tuple[str, str, str]]] = {  # the headers of a kind of limit
    kind: (f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}")
    for kind in ("requests", "tokens")
}


@lru_cache(64)
def day_end(day: date) -> float:
    """Midnight at its end."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86_400


@lru_cache(64)
def month_end(day: date) -> float:
    """Midnight at the end of its month."""
    return day_end(day + timedelta(days=calendar.monthrange(day.year, day.month)[1] - day.day))


@dataclass(frozen=True, slots=True)
class Limit:
    """A kind of limit. name: in its counter's key; field: of Allowance; kind: what it counts (requests, tokens, concurrent,
    cost); ends: of money, when a day's counter begins at 0 again."""

    name: str
    field: str
    kind: str
    ends: Callable[[date], float] = day_end


LIMITS: Final = (
    Limit("requests", "requests_per_minute", "requests"),
    Limit("tokens", "tokens_per_minute", "tokens"),
    Limit("concurrent", "concurrent", "concurrent"),
    Limit("day", "usd_per_day", COST, day_end),
    Limit("month", "usd_per_month", COST, month_end),
)


def counter(application: str, model: str, limit: Limit, day: date) -> str:
    """The key of a counter; model: empty for all models together. Each day and month has a counter of its own."""
    key = f"{application}:{model}:{limit.name}"
    return dated(key, limit.ends, day)[0] if limit.kind == COST else key


@lru_cache(REMEMBERED)
def dated(key: str, ends: Callable[[date], float], day: date) -> tuple[str, float]:
    """The key of the counter of money that counts on a day, and when the next one begins at 0."""
    end = ends(day)
    return f"{key}:{end:.0f}", end


def bound(allowance: Allowance, limit: Limit) -> int | None:
    """The limit, in what it counts; None: there is none."""
    value: float | None = getattr(allowance, limit.field)
    return None if value is None else round(value * MICRO) if limit.kind == COST else int(value)


def scopes(policy: Policy, model: str) -> Iterator[tuple[str, Allowance]]:
    """The allowances that a call of this model counts in: that of all models (named empty), and that of this one."""
    yield "", policy.allowance
    own = policy.by_model.get(model)
    if own is not None:
        yield model, own


class Bound(NamedTuple):
    """A limit that holds for an application's calls of one model. scope: see `scopes`; kind: what it counts; key: of its
    counter, where days and months have none of their own."""

    limit: Limit
    scope: str
    most: int
    kind: str
    key: str


class Bounds(NamedTuple):
    """All of them, as they follow from a policy. budgets: of those that count money the scope and the limit's name."""

    policy: Policy
    all: tuple[Bound, ...]
    budgets: tuple[tuple[str, str], ...]


known: Final[dict[tuple[str, str], Bounds]] = {}


def bounds_of(policy: Policy, model: str) -> Bounds:
    """The limits that an application's calls of this model count in; worked out once for a policy."""
    place = (policy.application, model)
    kept = known.get(place)
    if kept is None or kept.policy is not policy:
        if len(known) >= REMEMBERED:
            known.clear()
        found = tuple(bounds_in(policy, model))
        budgets = tuple((each.scope, each.limit.name) for each in found if each.kind == COST)
        kept = known[place] = Bounds(policy, found, budgets)
    return kept


def bounds_in(policy: Policy, model: str) -> Iterator[Bound]:
    """Each of them, worked out."""
    for scope, allowance in scopes(policy, model):
        for limit in LIMITS:
            most = bound(allowance, limit)
            if most is not None:
                yield Bound(limit, scope, most, limit.kind, f"{policy.application}:{scope}:{limit.name}")


def bounds_for(call: Call) -> tuple[Bound, ...]:
    """The limits that a call counts in. An answer that was kept from before counts as a request, and uses nothing else."""
    bounds = bounds_of(call.policy, call.asked.name).all
    kinds = REQUESTS if call.cache else call.counts
    return bounds if kinds is None else tuple(each for each in bounds if each.kind in kinds)


def are_used_up(bounds: Iterable[Bound]) -> bool:
    """Whether one of them is used up by tokens."""
    return not USED_UP.isdisjoint([each.kind for each in bounds])


def claims_of(call: Call, bounds: Iterable[Bound], moment: datetime, caution: int = 1) -> Iterator[tuple[Claim, str]]:
    """The claims of a call, each with what it counts; its prompt is taken so many times, and measured where any is used up by
    it. Forbidden for a call in dollars by a model without known prices."""
    amounts = dict(ONE)
    if call.size is not None:
        read = [(model, caution * excess.most_read(model.name, call.size)) for model in chain(call.by, call.policy)]
        amounts["tokens"] = max([prompt for _, prompt in read]) + answer_tokens(call)
    day, minute = moment.date(), moment.timestamp() + MINUTE
    for limit, _, most, kind, key in bounds:
        if kind != COST:
            yield Claim(key, amounts[kind], most, minute, kind == "requests"), kind
            continue
        if COST not in amounts:
            amounts[COST] = max([cost(model, prompt, most_written(call, model)) for model, prompt in read])
        name, end = dated(key, limit.ends, day)
        yield Claim(name, amounts[COST], most, end), COST


def size(call: Call) -> Size:
    """The size of its request; measured once for a call, which is where its request has its last form."""
    if call.size is None:
        call.size = size_of(call.request, call.asked.kind)
    return call.size


def prompt_tokens(call: Call) -> int:
    """About how many tokens the model will read."""
    return size(call).about


def answer_tokens(call: Call) -> int:
    """About how many tokens the model will write: as many as it may, or as are usual where that is not said."""
    if call.asked.kind is not Kind.TEXT:
        return 0
    wanted = call.request.max_tokens or call.by.default_max_tokens
    return min(wanted, call.by.output_limit or wanted)


def most_written(call: Call, model: Model) -> int:
    """How many tokens this model can write in answer to the call at the most."""
    if call.asked.kind is not Kind.TEXT:
        return 0
    wanted = call.request.max_tokens or model.output_limit or model.default_max_tokens
    return min(wanted, model.output_limit or wanted)


def cost(model: Model, prompt: int, answer: int) -> int:
    """What so many tokens of a model cost, the prompt read or kept in the provider's cache, whichever costs more."""
    if model.prices is None:
        raise Forbidden(
            f"the prices of {model.name} are not known, so the budget of this application cannot be held to with it; "
            f"an administrator can name them (manage.py models set {model.name} --price-input USD --price-output USD)"
        )
    plain = model.prices.cost(Usage(prompt, answer))
    if model.prices.cache_written is None:
        return plain
    return max(plain, model.prices.cost(Usage(prompt, answer, cache_written_tokens=prompt)))


def in_dollars(policy: Policy, model: str) -> bool:
    """Whether calls of this model count in a budget."""
    return bool(bounds_of(policy, model).budgets)


def left(
    claims: Iterable[tuple[Claim, str]], shares: Mapping[str, int], ends: Mapping[str, float], moment: float
) -> dict[str, int]:
    """The standard rate-limit headers: of each kind of limit a minute, the one of which least is left; resets in seconds."""
    said: dict[str, int] = {}
    for claim, kind in claims:
        names = TOLD.get(kind)
        if names is not None and claim.limit is not None:
            limit, remaining, reset = names
            share = shares[claim.key]
            if share <= said.get(remaining, share):
                said[limit], said[remaining] = claim.limit, share
                said[reset] = whole_seconds(ends[claim.key] - moment)
    return said


def whole_seconds(seconds: float) -> int:
    """A time to come in whole seconds, rounded up: of a minute that begins now, 60. Times are kept to the millisecond."""
    return max(0, math.ceil(seconds - HALF_A_MILLISECOND))
