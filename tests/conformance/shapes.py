"""Records that only the conformance tests store."""

import enum
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
class Note(Record):
    owner: str
    name: str
    written: datetime | None = None
    topic: str | None = None
    rank: int = 0
    color: Color = Color.RED
    amount: int = 0
    cost: float = 0.0


@record(table="test_pages", key=("owner", "book", "page"))
class BookPage(Record):
    owner: str
    book: str
    page: int
    text: str = ""


@record(table="test_moments", key=("owner", "at"))
class Moment(Record):
    owner: str
    at: datetime


@record(table="test_tickets", key=("ticket",), indexes={"by_event": ("event", "at")})
class Ticket(Record):
    ticket: str
    event: str
    at: datetime


@record(table="test_guests", key=("owner", "guest"), expires="until", indexes={"by_room": ("owner", "room")})
class Guest(Record):
    owner: str
    guest: str
    until: datetime | None
    room: str = ""
    visits: int = 0
