"""How many tokens a request has, before a model is asked: as the provider of the model counts them, where it can.

It runs no model and costs nothing; in the limits it is a request like any other. What a
provider would get is permitted and guarded as a call's is, for it goes to that provider.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from apps.invocation import admission, guarding, honoured
from apps.invocation.adapters.counts import estimated
from apps.invocation.balance import chain, ordered
from apps.invocation.calls import Call
from apps.invocation.claims import REQUESTS
from apps.invocation.lengths import characters
from apps.invocation.ports import CountsTokens
from apps.invocation.routing import fitted
from apps.invocation.tries import FINAL
from foundation.errors import Problem, TooMany, UpstreamTimeout
from foundation.settings import CHOSEN

ELSEWHERE: Final = (*FINAL, TooMany)  # after these another place may count


@dataclass(frozen=True, slots=True)
class Count:
    """The tokens of a request; exact: its provider counted them, else they are a token for each 4 characters."""

    tokens: int
    exact: bool


async def tokens(call: Call) -> Count:
    """The tokens that the model would read, by the first deployment in the call's way that counts them. Raises as the call
    would until it is admitted, and what the last of them raised where none did."""
    admission.permit(call)
    await guarding.before(call)
    call.counts = REQUESTS
    await admission.reserve(call)
    counted = await by_provider(call)
    if counted is not None:
        return Count(counted, exact=True)
    return Count(admission.prompt_tokens(call), exact=False)


async def by_provider(call: Call) -> int | None:
    """As a provider counts them; None where the one whose turn it is cannot. Half of the time that is left is for each place
    but the last."""
    end = time.monotonic() + CHOSEN.route_deadline
    failure: Problem | None = None
    places = [each for model in chain(call.by, call.policy) for each in ordered(model) if honoured.fits(call, each)]
    for place in places:
        call.by, call.deployment = place.model, place.deployment
        honoured.tell(call, place)
        left = max(0.0, end - time.monotonic())
        limit = min(left if place is places[-1] else left / 2, place.deployment.answer_seconds or left)
        try:
            async with asyncio.timeout(limit):
                return await place.provider.count(fitted(call, place)) if isinstance(place.provider, CountsTokens) else None
        except TimeoutError:
            failure = UpstreamTimeout(f"{place.deployment.name} counted no tokens in {limit:g} s")
        except Problem as refused:
            if not (refused.retryable or isinstance(refused, ELSEWHERE)):
                raise
            failure = refused
    assert failure is not None
    raise failure


def prompt(call: Call) -> int:
    """About how many tokens the prompt of a call under way has: as it was measured, if it was, else a token for each 4
    characters."""
    return estimated(characters(call.request)) if call.size is None else call.size.about
