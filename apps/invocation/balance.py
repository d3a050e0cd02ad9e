"""In which order a call goes to the places that could answer it."""

import math
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from apps.applications.records import Policy
from apps.invocation.adapters import provider
from apps.invocation.catalogue import held
from apps.invocation.ports import Provider
from apps.invocation.records import Deployment, Model
from foundation.ambient import number_between
from foundation.settings import CHOSEN

SMALLEST: Final = 1e-300


class Place(Struct, frozen=True):
    """A deployment of a model that a call may go to."""

    model: Model
    deployment: Deployment

    @property
    def provider(self) -> Provider:
        """Who runs it."""
        return provider(self.deployment.connection)


def allows(policy: Policy, model: Model) -> bool:
    """Whether an application with this policy may call this model."""
    return not policy.models or any(fnmatchcase(model.name, pattern) for pattern in policy.models)


def itinerary(model: Model, policy: Policy) -> Iterator[Place]:
    """Where a call goes, try after try, as long as it may.

    The model's deployments by weight, a lone one twice; then those of its fallbacks; then all of them again.
    """
    groups = []
    for each in chain(model, policy):
        group = ordered(each)
        groups.append(group)
        yield from group * 2 if len(group) == 1 else group
    for _ in range(CHOSEN.route_tries):
        for group in groups:
            yield from group


def chain(model: Model, policy: Policy) -> Sequence[Model]:
    """The model, then those of its fallbacks that can be called, and that the application may call. The fallbacks of a
    fallback are not followed."""
    if not model.fallbacks:
        return (model,)
    models = held().models
    named = (models.get(name) for name in dict.fromkeys(model.fallbacks) if name != model.name)
    there = (each for each in named if each is not None and each.kind is model.kind and each.usable)
    return (model, *(each for each in there if allows(policy, each)))


def ordered(model: Model) -> tuple[Place, ...]:
    """The places of one model: each is the first of those that are left with a chance that is its weight's share of theirs.

    Those of weight 0 come last, as they are listed. (Efraimidis and Spirakis, Weighted random sampling, 2006.)
    """
    usable = model.usable
    if len(usable) == 1:
        return (Place(model, usable[0]),)
    drawn = {place.name: draw(place.weight) for place in usable}
    return tuple([Place(model, place) for place in sorted(usable, key=lambda place: drawn[place.name])])


def draw(weight: int) -> float:
    """A random number that is the smaller, the greater the weight; infinite for a weight of 0."""
    return -math.log(max(number_between(0, 1), SMALLEST)) / weight if weight > 0 else math.inf
