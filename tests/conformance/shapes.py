"""Records that only the conformance tests store."""

import enum
from collections.abc import Mapping
from datetime import datetime

from foundation.records import Record, record


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@record(
    table="test_notes",
    key=("owner", "name"),
    indexes={"by_written": ("owner", "written"), "by_topic": ("owner", "topic", "rank"), "by_name": ("name", "owner")},
)
class Note(Record, frozen=True):
    owner: str
    name: str
    written: datetime | None = None
    topic: str | None = None
    rank: int = 0
    color: Color = Color.RED
    amount: int = 0
    cost: float = 0.0


@record(table="test_pages", key=("owner", "book", "page"))
class BookPage(Record, frozen=True):
    owner: str
    book: str
    page: int
    text: str = ""


@record(table="test_moments", key=("owner", "at"))
class Moment(Record, frozen=True):
    owner: str
    at: datetime


@record(table="test_tickets", key=("ticket",), indexes={"by_event": ("event", "at")})
class Ticket(Record, frozen=True):
    ticket: str
    event: str
    at: datetime


@record(table="test_guests", key=("owner", "guest"), expires="until", indexes={"by_room": ("owner", "room")})
class Guest(Record, frozen=True):
    owner: str
    guest: str
    until: datetime | None
    room: str = ""
    visits: int = 0


@record(table="test_pages", key=("owner", "book", "page"))
class ReadPage(Record, frozen=True):
    """A page as a later release has it: with one field more."""

    owner: str
    book: str
    page: int
    text: str = ""
    readers: int = 10


@record(table="test_events", key=("owner", "event"), indexes={"by_at": ("owner", "at")}, spread=3)
class Event(Record, frozen=True):
    owner: str
    event: str
    at: datetime | None = None
    amount: int = 0


@record(table="test_parcels", key=("owner", "parcel"))
class Parcel(Record, frozen=True):
    owner: str
    parcel: str
    text: str = ""
    whole: int | None = None
    broken: float | None = None
    labels: Mapping[str, str] = {}
    parts: tuple[str, ...] = ()
    open: bool = False
    sizes: tuple[int | float | None, ...] = ()


KINDS = (Note, BookPage, Moment, Ticket, Guest, Event, Parcel)
