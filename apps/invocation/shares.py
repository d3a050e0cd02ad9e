"""How much of its limits an application has used at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.applications.records import Allowance, Policy
from apps.invocation import budgets
from apps.invocation.claims import COST, LIMITS, MICRO, counter
from foundation.adapters import limits
from foundation.ambient import now

SPANS: Final[Mapping[str, str]] = {"usd_per_day": "day", "usd_per_month": "month"}


@dataclass(frozen=True, slots=True)
class Share:
    """What is used of one limit. field: of Allowance. used: with what is held back for calls under way; money is what is on
    the account, in dollars. None: it is not counted, or there is no limit."""

    field: str
    used: float | None
    limit: float | None

    @property
    def percent(self) -> int:
        """The used part of the limit, 0 to 100."""
        return min(100, round(100 * (self.used or 0) / self.limit)) if self.limit else 0


@dataclass(frozen=True, slots=True)
class Scope:
    """The limits of an application for one model, or for all together (`model` is empty), and what is used of them."""

    model: str
    shares: tuple[Share, ...]


def shares_of(policy: Policy) -> tuple[Scope, ...]:
    """What is used now: of the limits for all models first, then of those of single models by name."""
    today = now().date()
    spent = budgets.spent(policy.application, today)
    scopes = {"": policy.allowance, **dict(sorted(policy.by_model.items()))}
    keys = {
        (model, limit.field): counter(policy.application, model, limit, today)
        for model, allowance in scopes.items()
        for limit in LIMITS
        if limit.kind != COST and getattr(allowance, limit.field) is not None
    }
    counted = dict(zip(keys, limits.used(list(keys.values())), strict=True))
    return tuple(Scope(model, shares(model, allowance, counted, spent)) for model, allowance in scopes.items())


def shares(
    model: str, allowance: Allowance, counted: Mapping[tuple[str, str], int], spent: Mapping[tuple[str, str], int]
) -> tuple[Share, ...]:
    """The shares of one allowance."""
    made = []
    for limit in LIMITS:
        if limit.field in SPANS:
            used: float | None = spent.get((model, SPANS[limit.field]), 0) / MICRO
        else:
            used = counted.get((model, limit.field))
        made.append(Share(limit.field, used, getattr(allowance, limit.field)))
    return tuple(made)
