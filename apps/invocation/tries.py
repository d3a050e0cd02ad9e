"""The places that one call goes to, one after another, and what each try says about the next."""

import asyncio
import logging
import math
import time
from typing import Final

from apps.invocation import honoured
from apps.invocation.balance import Place, itinerary
from apps.invocation.breaker import Circuit, circuits
from apps.invocation.calls import CANCELLED, Call
from apps.invocation.claims import prompt_tokens
from apps.usage.records import Try
from foundation.ambient import number_between
from foundation.errors import (
    Problem,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamBroken,
    UpstreamDenied,
    UpstreamTimeout,
)
from foundation.settings import CHOSEN

logger = logging.getLogger(__name__)

SUCCESS: Final = "success"
MAY_BILL: Final = (UpstreamBroken, UpstreamTimeout)  # after these a provider may bill what it has read
LONGEST_PAUSE: Final = 5.0  # seconds
LONGEST_WAIT: Final = 30.0  # seconds: a place that asks to be left alone for longer is not waited for
SPREAD: Final = 0.1  # seconds over which those spread that wait for the same moment
# Answers that the same place would give again, or for which there is no time again; they count as its failures.
FINAL: Final = (UpstreamDenied, UnknownModel, UpstreamTimeout)


class Route:
    """The tries of one call, each written down in `call.tries` when it has ended; of a stream, when it has begun."""

    __slots__ = (
        "begun",
        "call",
        "circuit",
        "end",
        "failure",
        "first",
        "given_up",
        "place",
        "places",
        "seen",
        "since",
        "too_long",
    )

    def __init__(self, call: Call) -> None:
        self.call, self.first = call, call.by
        self.end = time.monotonic() + CHOSEN.route_deadline
        self.places = itinerary(call.by, call.policy)
        self.seen: dict[Circuit, tuple[Place, int]] = {}
        self.given_up: set[Circuit] = set()
        self.too_long: int | None = None  # the context window that was too small; 0: it is not known
        self.failure: Problem | None = None

    @property
    def left(self) -> float:
        """The seconds until the deadline."""
        return max(0.0, self.end - time.monotonic())

    async def next(self) -> Place:
        """Where the call goes now, after a pause where one is due. Raises the last failure when there is nowhere to go."""
        found = None
        if len(self.call.tries) < CHOSEN.route_tries and self.left:
            found = await self._free() or await self._free_soon()
        if found is None:
            raise self._failure()
        self.place, self.begun, self.since = found, False, time.monotonic()
        self.call.by, self.call.deployment = found.model, found.deployment
        honoured.tell(self.call, found)
        return found

    async def _free(self) -> Place | None:
        """The next place on the way that may be gone to; after a pause at random (full jitter) when it was before."""
        for place in self.places:
            if not honoured.fits(self.call, place):
                continue
            circuit = self.circuit = circuits.of(place.deployment)
            times = self.seen.setdefault(circuit, (place, 0))[1]
            if not self._may_help(place, circuit) or not circuit.admits(time.monotonic()):
                continue
            self.seen[circuit] = (place, times + 1)
            if times:
                await self._pause(number_between(0, min(LONGEST_PAUSE, CHOSEN.route_pause_ms / 1000 * 2 ** (times - 1))))
            return place
        return None

    async def _free_soon(self) -> Place | None:
        """When none is free: the first that will be, once it is. Of places that failed, a call's first try is the probe."""
        moment, probing = time.monotonic(), not self.call.tries
        able = [
            (circuit.ready(moment), circuit, place)
            for circuit, (place, _) in self.seen.items()
            if self._may_help(place, circuit) and (probing or not circuit.opened)
        ]
        if not able:
            return None
        wait, circuit, place = min(able, key=lambda each: each[0])
        self.circuit = circuit
        if circuit.opened:
            return place if circuit.try_early(moment) else None
        if wait > min(LONGEST_WAIT, self.left):
            return None
        await asyncio.sleep(wait + number_between(0, SPREAD))
        return place if circuit.admits(time.monotonic()) else None

    def _may_help(self, place: Place, circuit: Circuit) -> bool:
        if self.too_long is not None and (place.model.context_window or 0) <= self.too_long:
            return False
        return circuit not in self.given_up

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.sleep(min(seconds, self.left))
        except BaseException:
            self.circuit.left()
            raise

    def _failure(self) -> Problem:
        """Why there is no answer. Who may come back is told when; never at once, whatever a provider says."""
        moment = time.monotonic()
        wait = math.ceil(min((circuit.back(moment) for circuit in self.seen), default=0)) or 1
        if self.failure is None:
            name = self.call.asked.name
            if all(circuit.opened for circuit in self.seen):
                return Unavailable(f"every deployment of {name} has failed again and again and rests now", retry_after=wait)
            return TooMany(f"the deployments of {name} are over their providers' limits", retry_after=wait)
        if isinstance(self.failure, Unavailable | TooMany) and not self.failure.retry_after:
            self.failure.retry_after = wait
        return self.failure

    def limit(self) -> float:
        """The seconds that a whole answer may take by this try: half of what is left where another place could follow."""
        model, own = self.call.by, self.place.deployment.answer_seconds
        last = len(self.call.tries) + 1 >= CHOSEN.route_tries or not (model.fallbacks or len(model.deployments) > 1)
        left = self.left if last else self.left / 2
        return left if own is None else min(left, own)

    def began(self) -> None:
        """The first of a stream has come: this place serves."""
        self.circuit.began()
        self._tried(SUCCESS)
        self.begun = self.call.begun = True

    def worked(self) -> None:
        """The whole answer has come."""
        self.circuit.worked(time.monotonic())
        self._tried(SUCCESS)

    def abandoned(self, outcome: str) -> None:
        """This try has ended by nothing that the place did."""
        self.circuit.left()
        self._tried(outcome)
        if outcome == CANCELLED and not self.begun:
            self.call.left_unanswered(prompt_tokens(self.call))

    def failed(self, failure: Problem) -> None:
        """This try has failed. Raises the failure when no other try can help, or none may follow."""
        self.failure = failure
        self._tried(failure.code)
        if failure.inside:
            logger.warning("request %s at %s: %s", self.call.invocation, self.place.deployment.name, failure.inside)
        if isinstance(failure, MAY_BILL) and not self.begun:
            self.call.left_unanswered(prompt_tokens(self.call))
        elif failure.used:
            self.call.left_unanswered(failure.used)
        self._judge(failure, time.monotonic())
        if self.begun or not (failure.retryable or isinstance(failure, (*FINAL, TooLong, TooMany))):
            raise failure

    def _judge(self, failure: Problem, moment: float) -> None:
        """What a failure says about the place."""
        circuit = self.circuit
        if failure.retry_after:
            circuit.pause(moment, failure.retry_after)
        if failure.retryable or isinstance(failure, FINAL):
            circuit.failed(moment)
        elif circuit.opened or isinstance(failure, TooMany):
            circuit.left()  # a request that cannot be done may have been refused before it left
        else:
            circuit.worked(moment)
        if isinstance(failure, TooLong):
            self.too_long = max(self.too_long or 0, self.place.model.context_window or 0)
        elif isinstance(failure, FINAL):
            self.given_up.add(circuit)

    def _tried(self, outcome: str) -> None:
        """Write this try down, in the place of what was written when it had begun. A place of a fallback has its model's name
        before its own, as places of two models may have one name."""
        tries, place = self.call.tries, self.place
        name = place.deployment.name if place.model is self.first else f"{place.model.name}/{place.deployment.name}"
        made = Try(name, outcome, round((time.monotonic() - self.since) * 1000))
        if self.begun:
            tries[-1] = made
        else:
            tries.append(made)
