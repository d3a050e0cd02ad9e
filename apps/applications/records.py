"""What is remembered of an application, and what it may do; its client and secrets are the directory's."""

import enum
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from foundation.records import Record, record

PLATFORM = "platform"


@record(table="applications", key=("owner", "application"), indexes={"by_created": ("owner", "created")})
class Application(Record, frozen=True):
    """An onboarded application. `owner` is always the platform: applications are the one thing that no application owns."""

    application: str
    name: str
    description: str
    client: str
    created: datetime
    active: bool = True
    owner: str = PLATFORM


@record(table="application_names", key=("owner", "name"))
class ApplicationName(Record, frozen=True):
    """Holds a name for one application, so that two with one name cannot be made at once. `name` is in lower case."""

    name: str
    application: str
    owner: str = PLATFORM


class Allowance(Struct, frozen=True):
    """Limits; None: none. Money in US dollars, days and months in UTC."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None


class CacheScope(enum.StrEnum):
    """Who shares an answer that is kept: all of the application, or those with the same `user`."""

    APPLICATION = "application"
    USER = "user"


class Caching(Struct, frozen=True):
    """Answers that are given again.

    exact: to the very same request. semantic: to one whose last turn asks the same in the same words that matter, by the cosine
    of its embedding from `threshold` on. seconds: how long an answer is good.
    """

    exact: bool = False
    semantic: bool = False
    threshold: float = 0.98
    seconds: int = 3600
    scope: CacheScope = CacheScope.APPLICATION


class Action(enum.StrEnum):
    """What happens where a check finds something: nothing, a note on the account, a mask in its place, a refusal."""

    OFF = "off"
    NOTE = "note"
    MASK = "mask"
    BLOCK = "block"


class Guard(Struct, frozen=True):
    """Local checks of what goes to a model and of what comes from it. Characters: the most of a request and of an answer."""

    personal: Action = Action.OFF
    secrets: Action = Action.OFF
    phrases: Action = Action.OFF
    denied: tuple[str, ...] = ()
    input_characters: int | None = None
    output_characters: int | None = None
    bedrock_guardrail: str | None = None  # `id:version`, put on every call to Bedrock


@record(table="policies", key=("application",))
class Policy(Record, frozen=True):
    """What an application may do.

    models: names and patterns that it may call; empty: all. by_model: further limits for one model name.
    content_days: for so many days what is said to models and by them is kept, redacted; 0: it is not.
    """

    application: str
    models: tuple[str, ...] = ()
    allowance: Allowance = Allowance()
    by_model: Mapping[str, Allowance] = {}
    caching: Caching = Caching()
    guard: Guard = Guard()
    content_days: int = 0
