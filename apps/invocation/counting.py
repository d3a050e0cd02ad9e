"""How many tokens a request has, before a model is asked: as the provider of the model counts them, where it can.

It runs no model and costs nothing; in the limits it is a request like any other. What a
provider would get is permitted and guarded as a call's is, for it goes to that provider.
"""

from dataclasses import dataclass

from apps.invocation import admission, guarding, honoured
from apps.invocation.adapters.counts import estimated
from apps.invocation.balance import itinerary
from apps.invocation.calls import Call
from apps.invocation.claims import REQUESTS
from apps.invocation.lengths import characters
from apps.invocation.ports import CountsTokens
from apps.invocation.routing import fitted


@dataclass(frozen=True, slots=True)
class Count:
    """The tokens of a request; exact: its provider counted them, else they are a token for each 4 characters."""

    tokens: int
    exact: bool


async def tokens(call: Call) -> Count:
    """The tokens that the first deployment in the call's way would read. Raises as the call would until it is
    admitted, and what CountsTokens raises."""
    admission.permit(call)
    await guarding.before(call)
    call.counts = REQUESTS
    await admission.reserve(call)
    place = next(itinerary(call.by, call.policy))
    call.by, call.deployment = place.model, place.deployment
    honoured.tell(call, place)
    provider = place.provider
    counted = await provider.count(fitted(call, place)) if isinstance(provider, CountsTokens) else None
    if counted is not None:
        return Count(counted, exact=True)
    return Count(admission.prompt_tokens(call), exact=False)


def prompt(call: Call) -> int:
    """About how many tokens the prompt of a call under way has: as it was measured, if it was, else a token for each 4
    characters."""
    return estimated(characters(call.request)) if call.size is None else call.size.about
