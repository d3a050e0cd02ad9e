"""What invocation remembers: the models of the catalogue, the calls that a queue works on, until an hour after their last
change, and answers that are given again."""

import enum
import math
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec
from msgspec import Struct

from apps.invocation import adapters  # the module: settings read the records before it is whole
from apps.invocation.invocations import Completion, Usage
from apps.invocation.ports import Connection
from apps.usage.records import Invocation
from foundation.records import Record, record

PLATFORM = "platform"
PARTITIONS: Final = 4  # of what one application has much of; it is read by its key alone, so this costs nothing


class Kind(enum.StrEnum):
    """What a model makes: text, embeddings of text, or an order of documents."""

    TEXT = "text"
    EMBED = "embed"
    RERANK = "rerank"


class State(enum.StrEnum):
    """Whether a model may be called. LEGACY: its provider will end it; RETIRED: its provider has ended it."""

    ACTIVE = "active"
    LEGACY = "legacy"
    RETIRED = "retired"
    DISABLED = "disabled"


class Prices(Struct, frozen=True):
    """US dollars for a million tokens: read, written, read from the provider's cache, put there (as `input` where not said)."""

    input: float
    output: float = 0.0
    cached: float | None = None
    cache_written: float | None = None

    def cost(self, usage: Usage) -> int:
        """What so many tokens cost, in millionths of a dollar, rounded up."""
        plain = usage.input_tokens - usage.cached_tokens - usage.cache_written_tokens
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_written is None else self.cache_written
        dollars_a_million = (
            plain * self.input
            + usage.cached_tokens * cached
            + usage.cache_written_tokens * written
            + usage.output_tokens * self.output
        )
        return math.ceil(dollars_a_million - 1e-9)


class Deployment(Struct, frozen=True, dict=True):
    """One place where a model runs.

    provider runs it under `id`; base_url, region and key (the name of a secret) where the provider needs them, empty: as
    configured. Of several, each gets its share by weight; one of weight 0 serves only when the others fail.
    first_token_seconds, idle_seconds and answer_seconds are its own limits, beside ROUTE_FIRST_TOKEN, ROUTE_IDLE and
    ROUTE_DEADLINE: to the first of a stream, between two of its events, and for a whole answer by one try.
    """

    name: str
    provider: str
    id: str
    base_url: str = ""
    region: str = ""
    key: str = ""
    weight: int = 1
    first_token_seconds: float | None = None
    idle_seconds: float | None = None
    answer_seconds: float | None = None

    @cached_property
    def connection(self) -> Connection:
        """What its provider's adapter is made from."""
        return Connection(self.provider, self.base_url, self.region, self.key)


class Model(Struct, frozen=True, dict=True):
    """One name. `provider` runs it under `id`, or `deployments` say where it runs.

    aliases: other names for it. default_max_tokens: how much it writes for a plain prompt that does not say.
    context_window: the most tokens that it can read and write together; output_limit: the most that it can write.
    inputs: what it can read besides text: image, document; None: not known, its provider says.
    fallbacks: the models that answer when it cannot, in order.
    """

    name: str
    id: str
    kind: Kind
    provider: str
    default_max_tokens: int = 1000
    output_limit: int | None = None
    context_window: int | None = None
    inputs: tuple[str, ...] | None = None
    prices: Prices | None = None
    state: State = State.ACTIVE
    aliases: tuple[str, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    fallbacks: tuple[str, ...] = ()

    @cached_property
    def placements(self) -> tuple[Deployment, ...]:
        """Where it runs: at least one place."""
        return self.deployments or (Deployment(self.provider, self.provider, self.id),)

    @cached_property
    def usable(self) -> tuple[Deployment, ...]:
        """Where it runs by a provider that this platform can call; none when it may not be called."""
        if self.state in (State.RETIRED, State.DISABLED):
            return ()
        return tuple(place for place in self.placements if adapters.is_configured(place.provider, place.region))

    def cost(self, usage: Usage) -> int | None:
        """What so many tokens of it cost, in millionths of a US dollar; None when its prices are not known."""
        return None if self.prices is None else self.prices.cost(usage)


@record(table="catalogue", key=("owner", "name"))
class CatalogueRow(Record, frozen=True):
    """A model that an administrator added or changed; `content` is the JSON of a Model. Models are no application's."""

    name: str
    content: str
    owner: str = PLATFORM


class AsyncStatus(enum.StrEnum):
    """Where an asynchronous invocation stands."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@record(table="async_invocations", key=("application", "invocation"), expires="expires", spread=PARTITIONS)
class AsyncInvocation(Record, frozen=True):
    """One asynchronous call. What was asked lies in a file while it is needed; the answer is here.

    ignored and adjusted: what of that did not hold as it was asked; unsaid: the fields of the request that are defaults and not
    the caller's words; trace and cache_control: what its headers said. While another attempt may follow, failing is the code of
    the last, and attempt what would be on the account if none did: the last call that was made, with what all before it took.
    """

    application: str
    invocation: str
    created: datetime
    expires: datetime
    client: str
    model: str
    status: AsyncStatus = AsyncStatus.IN_PROGRESS
    served_by: str | None = None
    output_text: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None
    ignored: str = ""
    adjusted: str = ""
    code: str | None = None
    failing: str | None = None
    attempt: Invocation | None = None
    unsaid: tuple[str, ...] = ()
    trace: str = ""
    cache_control: tuple[str, ...] = ()


@record(table="cached_answers", key=("application", "place"), expires="expires", spread=PARTITIONS)
class CachedAnswer(Record, frozen=True):
    """An answer that is given again. `place` is a digest of what was asked; `content` is the JSON of a Completion."""

    application: str
    place: str
    created: datetime
    expires: datetime
    content: str

    @property
    def completion(self) -> Completion:
        """The answer."""
        return msgspec.json.decode(self.content, type=Completion)


@record(table="cached_meanings", key=("application", "bucket"), expires="expires")
class CachedMeanings(Record, frozen=True):
    """What the requests mean whose answers lie at `places`, the newest last: `vectors` is the base64 of a row of 16-bit
    numbers for each. All of them are alike but for their last turns; `bucket` is a digest of what they share."""

    application: str
    bucket: str
    expires: datetime
    places: tuple[str, ...] = ()
    vectors: str = ""
