"""One request to a hot route, from its beginning: the id that its answer tells, and whether its end is on the account."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from foundation.ambient import new_timed_id, now
from foundation.errors import Problem
from foundation.identity import Caller

Headers = Mapping[str, str]  # of a request, by their names in small letters


class Visit(Struct):
    """A request. booked: its end is on the account, or will be put there by who has it now, so that nobody else does."""

    id: str = field(default_factory=new_timed_id)
    created: datetime = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)
    booked: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A visit of a known caller that ended before anybody had put it on the account.

    given: the JSON of its body, UNSET where it has none. why: what it was told, or that the client went away.
    """

    visit: Visit
    caller: Caller
    headers: Mapping[str, str]
    given: Any
    why: Problem | BaseException
