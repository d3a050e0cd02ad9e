"""The general ports besides Records: what a capability may ask of files, queues, counters, the directory and secrets.

Promises only. The adapters are under adapters/, one class of tests runs over every one of them (tests/conformance/).
Every verb raises errors.Unavailable when what stands behind it does not answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from msgspec import Struct

from foundation.records import Page

HOUR = 3600
SCOPE: Final = "genaifoundations/read"  # of the tokens of applications


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a file store knows of a file without reading it."""

    path: str
    size: int
    modified: datetime


class Files(Protocol):
    """Bytes under a path such as `chunks/<application>/<job>/<file>.json`; the first part is a Folder of a manifest.

    A write is whole or not at all and is durable on return. NotFound when a path holds nothing.
    """

    def write(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Put the content there, over what was there."""

    def read(self, path: str) -> bytes:
        """The whole content."""

    def open(self, path: str) -> BinaryIO:
        """The content as a stream; close it."""

    def find(self, path: str) -> StoredFile | None:
        """Size and time, or None when nothing is there."""

    def delete(self, path: str) -> None:
        """Remove it; nothing happens when nothing is there."""

    def seal(self, source: str, target: str, *, limit: int) -> StoredFile:
        """Put an uploaded file of at most `limit` bytes where no upload URL reaches; only `target` may be worked on.

        `source` stays, for the caller to delete once it has done what follows: while it is there, that may not be done.
        TooLarge when it is larger, and there is no target. A repeat after success returns the target as it is, whatever was
        uploaded since. From then on every upload URL of `source` answers 403 (embedded), or takes what nobody will read
        (S3, which cannot take back a URL; the folder's `days` remove it).
        """

    def upload_url(self, path: str, *, limit: int, lifetime: int = HOUR) -> str:
        """A URL that takes this one file by PUT without any other credential: at most `limit` bytes, `lifetime` seconds.

        Answers exactly 200. Uploading again overwrites, until the file is sealed. A larger body is 413 (embedded), or is
        refused by `seal` (S3, which checks no size but the length that a signature names, and nobody knows it yet).
        S3 refuses a body without a Content-Length (501); the embedded store takes one in chunks too.
        """

    def download_url(self, path: str, *, lifetime: int = HOUR) -> str:
        """A URL that gives this one file by GET without any other credential for `lifetime` seconds; no browser runs it."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of a queue are waiting, being worked on, delayed, and given up on.

    What was postponed counts as delayed (embedded), or as worked on (SQS, whose counts are also some seconds old).
    """

    waiting: int
    in_flight: int
    delayed: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up on: which work, on which ids, after how many deliveries, and why."""

    id: str
    queue: str
    task: str
    ids: Mapping[str, str]
    deliveries: int
    reason: str
    died: datetime


class Queues(Protocol):
    """Messages between the parts of one capability: delivered at least once, in no particular order, ids only."""

    def send(self, task: str, *, queue: str, delay: int = 0, **ids: str) -> None:
        """Have `task` called with these ids by a worker, at the earliest in `delay` seconds (0 to 900). Durable on return."""

    def depth(self, queue: str) -> Depth:
        """How full the queue is."""

    def dead(self, queue: str, *, limit: int = 100, cursor: str | None = None) -> Page[DeadMessage]:
        """The dead letters, oldest first.

        SQS shows the first thousand that it comes upon; two that look at the same time each see a part, and so may a
        redrive beside a look.
        """

    def redrive(self, queue: str, message: str | None = None) -> int:
        """Put one dead letter, or all of them, back into the queue as new; the number moved."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a worker works on: what it shows to dispose of it, and how often it has been delivered by now."""

    receipt: str
    count: int


@dataclass(frozen=True, slots=True)
class Broker:
    """How Celery reaches the queues: its settings broker_url, broker_transport and broker_transport_options."""

    url: str
    transport: str | None
    options: Mapping[str, Any]


class Deliveries(Protocol):
    """What a worker may do with a message besides finishing it. A receipt of an earlier delivery changes nothing."""

    def of(self, properties: Mapping[str, Any]) -> Delivery:
        """The delivery of a message that Celery received with these properties."""

    def postpone(self, receipt: str, seconds: float) -> None:
        """Have the message delivered again in so many seconds."""

    def bury(self, receipt: str, reason: str) -> None:
        """Make the message a dead letter."""


class Counters(Protocol):
    """Whole numbers that every process shares and that forget themselves; for limits, never for accounts."""

    def add(self, key: str, amount: int = 1, *, window: int) -> int:
        """Add to the counter and return it. It starts at 0 and is forgotten `window` seconds after its first addition."""

    def read(self, key: str) -> int:
        """The counter, 0 when there is none."""

    def forget(self, key: str) -> None:
        """Back to 0 at once."""


class Claim(NamedTuple):  # five are made for a request to a model: a dataclass takes three times as long
    """A wish for a share of a limit.

    key: the counter; it begins with its group (see group_of). amount: what is wanted of it now, held back until the
    reservation is settled or has expired. limit: the counter and all that is held back may not exceed it together; None:
    only counted. until: when a counter that begins with this claim begins at 0 again, in seconds since 1970. counted: the
    wish itself uses the share up (a request): nothing is held back, and settling changes nothing.
    """

    key: str
    amount: int
    limit: int | None
    until: float
    counted: bool = False


class Reservation(Struct, frozen=True):  # one is made for each request to a model, as are the next two
    """Claims that are granted together or not at all. Never settled, it expires by itself `until` (seconds since 1970).

    Its id and the keys of its claims begin with one group: what lies together can be granted together. One with the id of
    another takes its place: what that one held back is released.
    """

    id: str
    claims: tuple[Claim, ...]
    until: float


class Verdict(Struct, frozen=True):
    """What became of a reservation: the claim that did not fit, or None; by key, what is left of each claim's limit, and
    when its counter begins at 0 again.

    passing: it was refused for nothing but what others hold back, and may fit as soon as those are settled. Else the claim
    is the first that would not fit either if nothing were held back.
    """

    refused: Claim | None
    left: Mapping[str, int]
    until: Mapping[str, float]
    passing: bool = False


class Settlement(Struct, frozen=True):
    """The end of a reservation: what was really used, by key. What is not named was not used."""

    id: str
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Floor:
    """What a counter has at least counted, as is known from elsewhere; it begins at 0 again `until` (seconds since 1970)."""

    key: str
    amount: int
    until: float


def group_of(name: str) -> str:
    """The group of a counter or a reservation: the first part of its key or id, up to a colon; empty without one."""
    group, colon, _ = name.partition(":")
    return group if colon else ""


class Limits(Protocol):
    """Shares of limits that every process of the platform holds to: many at once, exactly, forgotten after their time."""

    def reserve(self, steps: Sequence[Reservation | Settlement]) -> Sequence[Verdict | None]:
        """Take the steps in their order: grant a reservation or refuse it; settle another. Those of one group are taken all
        or none. When it raises, some groups may have been served, their answers are lost, and what they granted is released
        by settling it, or expires.

        A refused reservation holds nothing back. A settlement puts what was used on the counters and holds nothing back any
        more; it is also good after its reservation has expired, for a day. A repeat, or an unknown id, changes nothing.
        A verdict for each reservation, None for each settlement.
        """

    def settle(self, ended: Sequence[Settlement]) -> None:
        """The same for settlements alone."""

    def raise_to(self, floors: Sequence[Floor]) -> None:
        """Have each counter count at least so much; one that counts more stays. A repeat changes nothing."""

    def used(self, keys: Sequence[str]) -> Sequence[int]:
        """The counters as they are, with what is held back; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth2 client and the application that it speaks for."""

    client: str
    application: str
    active: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client with its secret in the clear: exists only in the moment of its making. `reference` names where it is kept."""

    client: str
    secret: str
    reference: str


class Directory(Protocol):
    """The OAuth2 clients of the applications."""

    def create(self, application: str, name: str) -> Credentials:
        """A new active client with one secret. `name` is for people."""

    def find(self, client: str) -> Client | None:
        """The client as it is at this moment, or None."""

    def set_active(self, client: str, active: bool) -> None:
        """Let it in, or keep it out. NotFound for an unknown client; a repeat changes nothing."""

    def rotate(self, client: str) -> Credentials:
        """A second secret beside the newest one, which stays good; an older one ends. NotFound for an unknown client."""

    def revoke_old(self, client: str) -> int:
        """End every secret but the newest; how many there were."""

    def authenticate(self, client: str, secret: str) -> Client | None:
        """The client whose secret this is, or None. Takes the same time for an unknown client."""

    def delete(self, client: str) -> bool:
        """Remove the client and its secrets; False when it was not there."""


class Secrets(Protocol):
    """Small secret texts by name, unreadable to other users of the machine or account."""

    def get(self, name: str) -> str | None:
        """The secret, or None."""

    def put(self, name: str, value: str) -> None:
        """Keep it, over what was there."""

    def create(self, name: str, value: str) -> str:
        """Keep it unless there is one, and return the one that is kept: two processes at once agree."""
