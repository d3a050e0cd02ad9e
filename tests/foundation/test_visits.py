"""Whatever the end of a request to a hot route, it is booked once, and its answer tells its id."""

import asyncio
from typing import Any

import msgspec
import pytest

from foundation.errors import Invalid, Unavailable
from foundation.hot import Front, Reply, Route
from foundation.identity import Caller
from foundation.visits import Headers, Refused, Visit

PATH = "/hot/booked"


class Wanted(msgspec.Struct, frozen=True):
    """What the handler is to do."""

    way: str


class Booked:
    """A hot route that keeps what it is told to book, and whose handler ends as its body says."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.refused: list[Refused] = []
        self.visits: list[Visit] = []
        self.started = asyncio.Event()
        route = Route(PATH, self.handle, Wanted, Wanted, "Ends.", booking=self.book)
        self.front = Front([route], self.nobody)

    async def nobody(self, *_: Any) -> None:
        raise AssertionError("Django is not asked")

    async def handle(self, caller: Caller, wanted: Wanted, headers: Headers, visit: Visit) -> Reply:
        self.visits.append(visit)
        self.started.set()
        visit.booked = wanted.way.startswith("booked")
        match wanted.way.removeprefix("booked "):
            case "invalid":
                raise Invalid("no")
            case "crash":
                raise RuntimeError("a secret of the inside")
            case "wait":
                await asyncio.Event().wait()
        return Reply(wanted)

    async def book(self, refused: Refused) -> None:
        if self.full:
            raise Unavailable("no room", retry_after=5)
        self.refused.append(refused)

    async def ask(
        self, body: bytes, token: str | None, *, leaves: bool = False, method: str = "POST"
    ) -> tuple[int, dict[str, str]]:
        """The status and headers of the answer; 0 where there is none, as the client has left."""
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {"type": "http", "method": method, "path": PATH, "query_string": b"", "headers": headers}
        waiting, sent = [{"type": "http.request", "body": body, "more_body": False}], list[Any]()

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await self.started.wait()
            return {"type": "http.disconnect"} if leaves else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.front(scope, receive, send)
        return (sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}) if sent else (0, {})


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b"{}", 422), (b"[]", 422), (b'{"way": "invalid"}', 400), (b'{"way": "crash"}', 500)],
)
async def test_what_is_refused_is_booked_once_under_the_id_that_is_told(good_token: str, body: bytes, status: int):
    route = Booked()
    told, headers = await route.ask(body, good_token)
    (refused,) = route.refused
    assert (told, headers["x-request-id"]) == (status, refused.visit.id)
    assert refused.visit.booked


async def test_another_method_is_booked(good_token: str):
    route = Booked()
    status, headers = await route.ask(b"", good_token, method="PUT")
    assert (status, [each.visit.id for each in route.refused]) == (405, [headers["x-request-id"]])


@pytest.mark.parametrize("way", ["booked invalid", "booked crash", "booked"])
async def test_what_is_booked_is_not_booked_again(good_token: str, way: str):
    route = Booked()
    status, headers = await route.ask(msgspec.json.encode({"way": way}), good_token)
    assert route.refused == []
    assert status == 200 or headers["x-request-id"] == route.visits[0].id


async def test_who_leaves_before_anything_is_booked_is_booked(good_token: str):
    route = Booked()
    assert await route.ask(b'{"way": "wait"}', good_token, leaves=True) == (0, {})
    assert [type(each.why) for each in route.refused] == [asyncio.CancelledError]


async def test_what_cannot_be_booked_is_answered_so(good_token: str):
    for body in (b"{", b'{"way": "invalid"}'):
        status, headers = await Booked(full=True).ask(body, good_token)
        assert (status, headers["retry-after"]) == (503, "5")
        assert headers["x-request-id"]


@pytest.mark.parametrize("body", [b"{", b'{"way": "invalid"}'])
@pytest.mark.parametrize("token", [None, "no token"])
async def test_nobodys_request_is_booked_by_nobody(body: bytes, token: str | None):
    route = Booked()
    _, headers = await route.ask(body, token)
    assert headers["x-request-id"]
    assert route.refused == []
