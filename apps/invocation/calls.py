"""One call to a model on its way through the gateway, and the row that it leaves on the account."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from msgspec import Struct, field

from apps.applications.records import Policy
from apps.invocation.invocations import NOTHING, Request, Usage
from apps.invocation.records import Deployment, Model
from apps.invocation.sizes import Size
from apps.usage import services as usage
from apps.usage.records import Invocation, Outcome, Try
from foundation.identity import Caller
from foundation.visits import Visit

CANCELLED = "cancelled"


@cache
def named(header: str) -> bytes:
    """A header's name as bytes, one for all of the responses that are under way."""
    return header.encode()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the answer to a call is kept (see caching): its place, and the name of the model that is to give it; where what
    it means counts too, the bucket and the vector of that."""

    place: str
    by: str
    bucket: str = ""
    vector: Sequence[float] = ()


class Call(Struct):
    """One call, from its start. What happens to it on the way is written here, and becomes its account at its end.

    asked: the model whose name was called; by: the one that answers (an alias's target, a fallback). asks: what it asks for
    beside its text; needs: what of that may not be lost (see honoured); ignored: what was left aside here; lost: what the
    deployment that answers does not know; adjusted: what it gets in another form; wanted_tokens: how long its answer may be,
    as it was asked. spent: the tokens so far. reserved: what is held back for it of which limits (see admission). cache: how
    an answer kept from before was found, age seconds old; slot: where a new one is kept; cache_control: what the request says
    about both. counts: the kinds of limits that it counts in, None: all. size: of its request, once that is measured; probes:
    the model of which it is to show what its provider counts. begun: something has come of a stream. unanswered: the prompts
    of tries that were not answered and may be billed all the same, with what they cost; estimated: tokens were not told but
    counted here. kind: what the account calls it, where that is not its model's kind. visit: the request that it was made
    for, whose id and moment it has. places: where each part of the request stands in what its caller sent, by its place in
    the request; until the guard has looked.
    """

    caller: Caller
    request: Request
    policy: Policy
    asked: Model
    by: Model
    dialect: str = ""
    streamed: bool = False
    trace: str = ""
    deployment: Deployment | None = None
    visit: Visit = field(default_factory=Visit)
    started: float = field(default_factory=time.monotonic)
    first: float | None = None
    tries: list[Try] = field(default_factory=list)
    cache: str = ""
    age: int | None = None
    slot: Slot | None = None
    cache_control: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    adjusted: tuple[str, ...] = ()
    wanted_tokens: int | None = None
    findings: list[str] = field(default_factory=list)
    left: Mapping[str, int] = field(default_factory=dict)
    spent: Usage = NOTHING
    reserved: Mapping[str, str] = field(default_factory=dict)
    finish: str = ""  # why the model ended its answer
    counts: frozenset[str] | None = None
    size: Size | None = None
    probes: str = ""
    begun: bool = False
    unanswered: Usage = NOTHING
    unanswered_cost: int = 0
    estimated: bool = False
    kind: str = ""
    places: Callable[[], Mapping[str, str]] | None = None

    @property
    def invocation(self) -> str:
        """Its id."""
        return self.visit.id

    @property
    def created(self) -> datetime:
        """When it began."""
        return self.visit.created

    def came(self) -> None:
        """The first of the answer has come."""
        self.first = self.first or time.monotonic()

    def left_unanswered(self, prompt: int) -> None:
        """A try has ended without an answer after its request may have been read: so many tokens."""
        read = Usage(prompt, 0)
        self.unanswered = Usage(self.unanswered.input_tokens + prompt, 0)
        self.unanswered_cost += self.by.cost(read) or 0
        self.estimated = True

    @property
    def is_estimated(self) -> bool:
        """Whether tokens are in its account that no provider told."""
        return self.estimated or self.spent.estimated

    @property
    def tokens(self) -> int:
        """All tokens that count in its limits."""
        return self.spent.input_tokens + self.spent.output_tokens + self.unanswered.input_tokens

    @property
    def cost(self) -> int | None:
        """Millionths of a US dollar; None when the model's prices are not known. An answer kept from before costs nothing."""
        cost = 0 if self.cache else self.by.cost(self.spent)
        return None if cost is None else cost + self.unanswered_cost

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the response says beside the answer: the request's id, who served it, what was tried, what is left."""
        said: list[tuple[str, object]] = [("x-request-id", self.invocation), *self.left.items()]
        if self.cache or self.deployment is not None:  # else nobody was asked
            said.append(("x-served-by", self.by.name))
        if self.deployment is not None:
            said.append(("x-deployment", self.deployment.name))
        if len(self.tries) > 1:
            said.append(("x-tries", ",".join(f"{each.deployment}={each.outcome}" for each in self.tries)))
        if self.cache:
            said += ("x-cache", self.cache), ("age", self.age)
        if self.ignored or self.lost:
            said.append(("x-ignored-parameters", ",".join((*self.ignored, *self.lost))))
        if self.adjusted:
            said.append(("x-adjusted-parameters", ",".join(self.adjusted)))
        return [(named(name), str(value).encode("latin-1", "replace")) for name, value in said]

    def account(self, outcome: str) -> Invocation:
        """The row of the account, at the call's end."""
        tokens = self.spent
        return Invocation(
            self.caller.application,
            self.invocation,
            self.created,
            model_name=self.asked.name,
            model_id=self.asked.id,
            served_by=self.by.name,
            model_kind=self.kind or self.asked.kind.value,
            status=Outcome.SUCCESS if outcome == "success" else Outcome.FAILED,
            input_tokens=tokens.input_tokens + self.unanswered.input_tokens,
            output_tokens=tokens.output_tokens,
            latency_ms=self._since(time.monotonic()),
            outcome=outcome,
            dialect=self.dialect,
            streamed=self.streamed,
            deployment=self.deployment.name if self.deployment else "",
            cached_tokens=tokens.cached_tokens,
            cache_written_tokens=tokens.cache_written_tokens,
            reasoning_tokens=tokens.reasoning_tokens,
            cost=self.cost,
            first_token_ms=None if self.first is None else self._since(self.first),
            tries=tuple(self.tries),
            cache=self.cache,
            prompt="{} {}".format(*self.request.prompt) if self.request.prompt else "",
            labels=self.request.labels,
            findings=tuple(self.findings),
            trace=self.trace,
            provider=self.deployment.provider if self.deployment else "",
            finish=self.finish,
            until=usage.until(),
            estimated=self.is_estimated,
        )

    def _since(self, moment: float) -> int:
        return round((moment - self.started) * 1000)
