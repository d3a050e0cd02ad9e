"""Shares of limits in Redis, for every process of the deployment: limits.lua takes all steps of one group as a whole.

A group lies in one hash slot, so that its steps are atomic; the groups of a call go out in one round trip. What is spent is
never only here: it is on the account, and budgets are raised to that after a server has lost its data.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from foundation.adapters.aws.redis_scripts import Run, Script, Scripts, scripts
from foundation.ports import Claim, Floor, Reservation, Settlement, Verdict, group_of
from foundation.settings import Settings

KEPT: Final = 86_400  # seconds for which an expired reservation can still be settled
MOST: Final = 2**53  # no number is larger: a provider may report any, and Lua counts exactly up to this
TAKE: Final = Script(Path(__file__).with_name("limits.lua").read_text())
ENCODE: Final = msgspec.msgpack.Encoder().encode
DECODE: Final = msgspec.msgpack.Decoder(list[tuple[int, list[int], list[float], bool] | int]).decode


def adapter(settings: Settings) -> "RedisLimits":
    """The limits of this deployment."""
    return RedisLimits(scripts(settings), settings.deployment)


class RedisLimits:
    """The Limits port on Redis. `clock` is wall time, as processes have to agree on it."""

    def __init__(self, server: Scripts, deployment: str, clock: Callable[[], float] = time.time) -> None:
        self.server, self.deployment, self.clock = server, deployment, clock

    def reserve(self, steps: Sequence[Reservation | Settlement]) -> Sequence[Verdict | None]:
        answers = self._taken([step.id for step in steps], [step_of(step) for step in steps])
        return [
            verdict(step, *answer) if isinstance(step, Reservation) else None
            for step, answer in zip(steps, answers, strict=True)
        ]

    def settle(self, ended: Sequence[Settlement]) -> None:
        self.reserve(ended)

    def raise_to(self, floors: Sequence[Floor]) -> None:
        keys = [floor.key for floor in floors]
        self._taken(keys, [("raise", floor.key, bounded(floor.amount), floor.until) for floor in floors])

    def used(self, keys: Sequence[str]) -> Sequence[int]:
        return self._taken(keys, [("read", key) for key in keys])

    def _taken(self, names: Sequence[str], steps: Sequence[Any]) -> list[Any]:
        """What became of each step; names are keys and ids, which tell the group of each."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(group_of(name), []).append(place)
        moment, answers = self.clock(), list(steps)
        found = self.server.run(
            [
                Run(TAKE, self._keys(group), (ENCODE((moment, KEPT, [steps[place] for place in own])),))
                for group, own in places.items()
            ]
        )
        for own, packed in zip(places.values(), found, strict=True):
            for place, answer in zip(own, DECODE(packed), strict=True):
                answers[place] = answer
        return answers

    def _keys(self, group: str) -> tuple[str, ...]:
        tag = f"{self.deployment}:{{limits:{group}}}"
        return (f"{tag}:counters", f"{tag}:reservations", f"{tag}:live", f"{tag}:over")


def step_of(step: Reservation | Settlement) -> tuple[Any, ...]:
    """A step as limits.lua reads it."""
    if isinstance(step, Settlement):
        return ("settle", step.id, {key: bounded(amount) for key, amount in step.used.items()})
    group = group_of(step.id)
    if any(group_of(claim.key) != group for claim in step.claims):
        raise ValueError(f"the claims of reservation {step.id} are not all of its group")
    return ("reserve", step.id, step.until, [claim_of(claim) for claim in step.claims])


def claim_of(claim: Claim) -> tuple[Any, ...]:
    """A claim as limits.lua reads it; without a limit, false."""
    limit = claim.limit is not None and bounded(claim.limit)
    return (claim.key, bounded(claim.amount), limit, claim.until, claim.counted)


def bounded(amount: int) -> int:
    """The amount, within what Lua counts exactly."""
    return max(-MOST, min(amount, MOST))


def verdict(step: Reservation, refused: int, lefts: Sequence[int], ends: Sequence[float], passing: bool) -> Verdict:
    """What became of a reservation; refused: which claim did not fit, counted from 1, or 0."""
    keys = [claim.key for claim in step.claims]
    return Verdict(
        step.claims[refused - 1] if refused else None,
        dict(zip(keys, lefts, strict=True)),
        dict(zip(keys, ends, strict=True)),
        passing,
    )
