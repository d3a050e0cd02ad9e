"""Whether a call may be made: the application's allow-list, and its limits for all models and for this one.

What a call may use is reserved before it and settled after it, for all processes of the platform together. Reserved are the
tokens of the prompt (as many as it has at the most: see sizes and excess) and of the answer (max_tokens, or the model's
default), and in dollars the most that the call can cost: with all that the dearest model of its way can write.
"""

from collections.abc import Iterable
from contextlib import suppress
from copy import copy
from typing import Final, NamedTuple

from msgspec.structs import replace

from apps.invocation import budgets, excess, measuring
from apps.invocation.balance import allows
from apps.invocation.calls import Call
from apps.invocation.claims import (
    COST,
    MICRO,
    Bound,
    are_used_up,
    bounds_for,
    claims_of,
    in_dollars,
    left,
    prompt_tokens,
    whole_seconds,
)
from apps.invocation.records import Kind
from apps.usage.records import amounts, reservation
from foundation.adapters import limits
from foundation.ambient import now
from foundation.errors import Forbidden, OverBudget, Problem, TooMany, Unavailable
from foundation.grouped import Full, Grouped
from foundation.ports import Claim, Reservation, Settlement, Verdict
from foundation.settings import CHOSEN

__all__ = ["allows", "permit", "prompt_tokens", "reserve", "settle"]
MARGIN: Final = 5  # seconds that a reservation lasts longer than its call can
SOON: Final = 1  # seconds after which a call may fit again that only calls under way were in the way of
HELD: Final = " while calls under way hold back what they may use"
CROWDED: Final = "more calls wait to be let in than the platform can take; try again"


class Refused(NamedTuple):
    """A claim that did not fit. kind: what it counts; left: of its limit; seconds: until its counter begins anew; passing: only
    what calls under way hold back is in its way."""

    claim: Claim
    kind: str
    left: int
    seconds: float
    passing: bool


def permit(call: Call) -> None:
    """Forbidden when the application may not call this model.

    An answer that counts in a budget and is bounded neither by the request nor by the model is bounded here: it ends, as
    one that became too long, at the model's default_max_tokens.
    """
    if not allows(call.policy, call.asked):
        raise Forbidden(f"this application may not call {call.asked.name}; an administrator can allow it")
    unbounded = call.request.max_tokens is None and call.by.output_limit is None and call.asked.kind is Kind.TEXT
    if unbounded and in_dollars(call.policy, call.asked.name):
        call.request = replace(call.request, max_tokens=call.by.default_max_tokens)


async def reserve(call: Call) -> None:
    """Reserve what the call may use; nothing where it has no limits. call.reserved says, for each counter, what it counts.

    TooMany or OverBudget names the limit that it would pass, and when it may be tried again; where only what calls under way
    hold back is in its way, that is TooMany and soon, also of a budget. Forbidden where a budget cannot be held to. Unavailable
    when too many calls wait to be let in.
    """
    bounds = bounds_for(call)
    if not bounds:
        return
    if call.size is None and are_used_up(bounds):
        await measuring.measure(call)
    caution = excess.caution(call.by.name, call.size)
    refused = await refusal_of(call, bounds, caution)
    if refused is not None and caution > 1:
        if may_fit(call, bounds, refused):
            call.probes = await excess.turn(call.by.name)
        refused = await refusal_of(call, bounds)
    if refused is not None:
        raise refusal(call, refused)


async def refusal_of(call: Call, bounds: Iterable[Bound], caution: int = 1) -> Refused | None:
    """Reserve it with the prompt so many times as large, or say what it is refused for."""
    moment = now()
    claims = list(claims_of(call, bounds, moment, caution))
    counted = {claim.key: kind for claim, kind in claims}
    if COST in counted.values():
        try:
            await budgets.in_step(call.policy, call.asked.name, moment)
        except Full as crowded:
            raise Unavailable(CROWDED, retry_after=1) from crowded
    call.reserved = counted  # before it is: who is cancelled while it is being done settles it all the same
    wanted = tuple([claim for claim, _ in claims])
    name = reservation(call.caller.application, call.invocation)
    verdict = await granted(Reservation(name, wanted, moment.timestamp() + lifetime(call)))
    call.left = left(claims, verdict.left, verdict.until, moment.timestamp())
    if verdict.refused is None:
        return None
    call.reserved = {}
    key = verdict.refused.key
    seconds = verdict.until[key] - moment.timestamp()
    return Refused(verdict.refused, counted[key], verdict.left[key], seconds, verdict.passing)


def may_fit(call: Call, bounds: Iterable[Bound], refused: Refused) -> bool:
    """Whether it was refused for its prompt being taken several times."""
    return any(claim.amount <= refused.left for claim, _ in claims_of(call, bounds, now()) if claim.key == refused.claim.key)


async def granted(wanted: Reservation) -> Verdict:
    """What became of it."""
    try:
        verdict = await steps.done(wanted)
    except Full as crowded:
        raise Unavailable(CROWDED, retry_after=1) from crowded
    if verdict is None:
        raise RuntimeError("a reservation without a verdict")
    return verdict


def settle(call: Call, cost: int | None) -> None:
    """Give back what was reserved and count what was used: the call's tokens, and what it cost in millionths of a dollar. Soon,
    not now: a call does not wait for it."""
    if call.reserved:
        used = amounts(call.reserved, call.tokens, cost)
        with suppress(Full):  # then it is settled from the account
            steps.later(Settlement(reservation(call.caller.application, call.invocation), used))
    counted = call.spent.input_tokens
    if counted and call.size is not None and not (call.cache or call.is_estimated):
        excess.learn(call.by.name, call.size, counted)
    if call.probes:
        excess.asking.discard(call.probes)


def lifetime(call: Call) -> int:
    """The seconds after which a reservation holds nothing back any more: none of its calls can last so long."""
    return CHOSEN.route_deadline + (CHOSEN.route_longest if call.streamed else 0) + MARGIN


def refusal(call: Call, refused: Refused) -> Problem:
    """The error that a claim that did not fit is."""
    claim, kind, left, seconds, passing = refused
    of_all = claim.key.startswith(f"{call.caller.application}::")
    whose = "this application" if of_all else f"this application's use of {call.asked.name}"
    limit = claim.limit or 0
    if kind == "concurrent":
        return TooMany(f"{whose} may have {limit} calls under way at once", retry_after=SOON)
    span = "minute" if kind != COST else "day" if ":day:" in claim.key else "month"
    later = "when calls under way have ended" if passing else f"when the next {span} begins"
    most, rest, wanted = (usd(each) if kind == COST else str(each) for each in (limit, left, claim.amount))
    what = f"the budget of {whose} for this {span} is {most} USD" if kind == COST else f"{whose} may use {most} {kind} a minute"
    held, takes = HELD if passing else "", "cost" if kind == COST else "use"
    why = f"{what}, of which {rest} are left{held}, and this call can {takes} {wanted}; {advice(call, claim, left, later)}"
    wait = None if claim.amount > limit else SOON if passing else max(1, whole_seconds(seconds))
    return OverBudget(why, retry_after=wait) if kind == COST and not passing else TooMany(why, retry_after=wait)


def advice(call: Call, claim: Claim, left: int, later: str) -> str:
    """What would let the call in: a later moment, unless it is larger than the whole limit; a shorter answer where that is
    enough, else less to read."""
    shortest = copy(call)
    shortest.request = replace(call.request, max_tokens=1)
    amounts = {each.key: each.amount for each, _ in claims_of(shortest, bounds_for(call), now())}
    least, limit = amounts.get(claim.key, claim.amount), claim.limit or 0
    if claim.amount <= limit:
        return f"it may be made {later}{', or now with a smaller max_tokens' if least <= left else ''}"
    return "a smaller max_tokens makes it less" if least <= limit else "its input alone is more than that: make it shorter"


def usd(micro: int) -> str:
    """An amount of money to read: whole cents, or as many digits as it takes."""
    text = f"{micro / MICRO:.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"


steps: Final[Grouped[Reservation | Settlement, Verdict | None]] = Grouped("admission", limits.reserve)
