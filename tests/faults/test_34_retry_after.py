"""Fault 34: how long a provider that is over its limits is left alone."""

import pytest

from apps.invocation import services
from apps.invocation.breaker import State
from tests.invocation.door import Door, opened
from tests.upstream.checking import account, asked, deployed, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES, Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_34_a_short_retry_after_is_waited_for(client: Client, wire: Wire, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "limited_once")) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, "".join(WORDS))
    assert [each.outcome for each in row.tries] == ["rate_limited", "success"]
    assert answer.headers["x-tries"] == "limited_once=rate_limited,limited_once=success"
    assert row.latency_ms >= 1000 and row.tries[1].milliseconds < row.latency_ms


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_34_a_long_retry_after_is_passed_on_and_holds_for_the_next_calls(client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        place = deployed(server, "case", "limited_for_an_hour")
        with listed(place) as model:
            answers = [await asked(door, client, model) for _ in range(3)]
            states = [each.state for each in services.circuits() if each.base_url == place.base_url]
    assert [answer.status for answer in answers] == [429] * 3
    assert all(3500 < int(answer.headers["retry-after"]) <= 3600 for answer in answers)
    assert len(server.asked["case"]) == 1 and states == [State.BUSY]


@pytest.mark.parametrize("behaviour", ["limited", "limited_for_no_time"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_34_where_a_provider_tells_no_time_a_second_is_told_so_that_what_waits_neither_fails_nor_asks_at_once(
    wire: Wire, behaviour: str, door: Door
):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", behaviour)) as model:
            answer = await asked(door, CLIENTS[0], model)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")


async def test_34_other_deployments_serve_while_one_is_left_alone(door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        spare = deployed(server, "spare", "good", weight=0)
        with listed(deployed(server, "main", "limited_for_an_hour"), spare) as model:
            answers = [await asked(door, CLIENTS[0], model) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert (len(server.asked["main"]), len(server.asked["spare"])) == (1, 4)


async def test_34_a_provider_that_is_often_over_its_limits_is_no_provider_that_is_down(door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        place = deployed(server, "main", "limited")
        with listed(place, deployed(server, "spare", "good", weight=0)) as model:
            answers = [await asked(door, CLIENTS[0], model) for _ in range(8)]
            states = [each.state for each in services.circuits() if each.base_url == place.base_url]
    assert [answer.status for answer in answers] == [200] * 8
    assert len(server.asked["main"]) == 8 and states == [State.CLOSED]
