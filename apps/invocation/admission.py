"""Whether a call may be made: the application's allow-list, and its limits for all models and for this one.

What a call may use is reserved before it and settled after it, for all processes of the platform together. Reserved are the
tokens of the prompt (a token for each 4 characters) and all of max_tokens, or the model's default, and what they cost.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from apps.applications.records import Allowance, Policy
from apps.invocation.calls import Call
from apps.invocation.catalogue import Model
from apps.invocation.invocations import Usage
from foundation.adapters import limits
from foundation.errors import Forbidden, OverBudget, Problem, TooMany, Unavailable
from foundation.grouped import Full, Grouped
from foundation.ports import Claim, Reservation, Settlement, Verdict

CHARACTERS_A_TOKEN: Final = 4
LONGEST: Final = 900  # seconds after which a reservation of a process that died holds nothing back any more
MICRO: Final = 1_000_000


def permit(call: Call) -> None:
    """Forbidden when the application may not call this model."""
    if not allows(call.policy, call.asked):
        raise Forbidden(f"this application may not call {call.asked.name}; an administrator can allow it")


def allows(policy: Policy, model: Model) -> bool:
    """Whether an application with this policy may call this model."""
    return not policy.models or any(fnmatchcase(model.name, pattern) for pattern in policy.models)


async def reserve(call: Call) -> None:
    """Reserve what the call may use; nothing where it has no limits. call.reserved says, for each counter, what it counts.

    TooMany or OverBudget names the limit that it would pass, and when it may be tried again. Unavailable when too many
    calls wait to be let in.
    """
    claims = tuple(claims_of(call))
    if not claims:
        return
    until = call.created.timestamp() + LONGEST
    try:
        verdict = await reserving.done(Reservation(call.invocation, tuple(claim for claim, _ in claims), until))
    except Full as crowded:
        raise Unavailable("more calls wait to be let in than the platform can take; try again", retry_after=1) from crowded
    counted = {claim.key: kind for claim, kind in claims}
    call.left = left(call, claims, verdict)
    if verdict.refused is not None:
        key = verdict.refused.key
        raise refusal(call, verdict.refused, counted[key], verdict.until[key])
    call.reserved = counted


def settle(call: Call) -> None:
    """Give back what was reserved and count what was used. Soon, not now: a call does not wait for it."""
    if call.reserved:
        amounts = {"tokens": call.spent.input_tokens + call.spent.output_tokens, "cost": call.cost or 0}
        used = {key: amounts[kind] for key, kind in call.reserved.items() if kind in amounts}
        with suppress(Full):  # then it is settled from the account, or expires
            settling.add(Settlement(call.invocation, used), lambda _: None)


def claims_of(call: Call) -> Iterator[tuple[Claim, str]]:
    """The claims of a call: those of the application, then those for this model."""
    scopes = ((call.policy.allowance, ""), (call.policy.by_model.get(call.asked.name), call.asked.name))
    tokens = prompt_tokens(call), answer_tokens(call)
    for allowance, model in scopes:
        if allowance is not None:
            yield from claims_for(allowance, f"{call.caller.application}:{model}", call, tokens)


def claims_for(allowance: Allowance, scope: str, call: Call, tokens: tuple[int, int]) -> Iterator[tuple[Claim, str]]:
    """The claims that one allowance asks for."""
    moment = call.created
    minute = moment.timestamp() + 60
    cost = call.by.cost(Usage(*tokens)) or 0
    rows = (
        ("requests", allowance.requests_per_minute, 1, minute),
        ("tokens", allowance.tokens_per_minute, sum(tokens), minute),
        ("concurrent", allowance.concurrent, 1, moment.timestamp() + LONGEST),
        ("day", micro(allowance.usd_per_day), cost, next_day(moment).timestamp()),
        ("month", micro(allowance.usd_per_month), cost, next_month(moment).timestamp()),
    )
    for name, limit, amount, until in rows:
        if limit is not None:
            kind = "cost" if name in ("day", "month") else name
            span = f":{int(until)}" if kind == "cost" else ""
            yield Claim(f"{scope}:{name}{span}", amount, limit, until, counted=name == "requests"), kind


def micro(usd: float | None) -> int | None:
    """Dollars as millionths of one."""
    return None if usd is None else round(usd * MICRO)


def next_day(moment: datetime) -> datetime:
    """Midnight, UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def next_month(moment: datetime) -> datetime:
    """The beginning of the next month, UTC."""
    days = calendar.monthrange(moment.year, moment.month)[1]
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def prompt_tokens(call: Call) -> int:
    """About how many tokens the model will read."""
    return -(-call.request.characters // CHARACTERS_A_TOKEN)


def answer_tokens(call: Call) -> int:
    """How many tokens the model may write."""
    model: Model = call.by
    wanted = call.request.max_tokens or model.default_max_tokens
    return min(wanted, model.output_limit or wanted)


def refusal(call: Call, claim: Claim, kind: str, until: float) -> Problem:
    """The error that a claim that did not fit is."""
    whose = "this application" if f":{call.asked.name}:" not in claim.key else f"this application's use of {call.asked.name}"
    wait = max(1, int(until - call.created.timestamp()) + 1)
    limit = claim.limit or 0
    if kind == "cost":
        span = "day" if ":day:" in claim.key else "month"
        refused: Problem = OverBudget(
            f"the budget of {whose} for this {span} is {limit / MICRO:.2f} USD, and this call could pass it", retry_after=wait
        )
    elif kind == "concurrent":
        refused = TooMany(f"{whose} may have {limit} calls under way at once", retry_after=1)
    else:
        refused = TooMany(f"{whose} may use {limit} {kind} a minute, and this call would pass that", retry_after=wait)
    refused.headers = [(name.encode(), str(value).encode()) for name, value in call.left.items()]
    return refused


def left(call: Call, claims: Sequence[tuple[Claim, str]], verdict: Verdict) -> Mapping[str, int]:
    """The standard rate-limit headers: of each kind of limit, the one of which least is left."""
    said: dict[str, int] = {}
    for claim, kind in claims:
        if kind in ("requests", "tokens") and claim.limit is not None:
            remaining = verdict.left[claim.key]
            if remaining <= said.get(f"x-ratelimit-remaining-{kind}", remaining):
                said[f"x-ratelimit-limit-{kind}"] = claim.limit
                said[f"x-ratelimit-remaining-{kind}"] = remaining
                said[f"x-ratelimit-reset-{kind}"] = max(0, int(verdict.until[claim.key] - call.created.timestamp()) + 1)
    return said


def _settled(ended: Sequence[Settlement]) -> Sequence[None]:
    limits.settle(ended)
    return [None] * len(ended)


reserving: Final[Grouped[Reservation, Verdict]] = Grouped("admission", limits.reserve)
settling: Final[Grouped[Settlement, None]] = Grouped("settlement", _settled)
