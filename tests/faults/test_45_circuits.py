"""Fault 45: two providers are down and the third serves; circuits open, are tried, and close."""

import asyncio

import pytest

from apps.invocation import services
from apps.invocation.breaker import STRIKES, State
from foundation.settings import CHOSEN
from tests.invocation.door import Door, opened
from tests.upstream.checking import account, asked, deployed, eventually, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import Behaviour, Exchange, serving
from tests.upstream.wires import WIRES

CONTRACT = CLIENTS[0]
TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


def down_until(up: asyncio.Event) -> Behaviour:
    """A provider that is overloaded until it is up."""

    async def behave(exchange: Exchange) -> None:
        await BEHAVIOURS["good" if up.is_set() else "overloaded"](exchange)

    return behave


def states(url: str) -> list[State]:
    """How the circuits of a server's deployments stand."""
    return [each.state for each in services.circuits() if each.base_url.startswith(url)]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_45_two_providers_are_down_and_the_third_serves(client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        down = deployed(server, "one", "overloaded", name="one"), deployed(server, "two", "reset", name="two")
        third = deployed(server, "three", "good", name="three", weight=0)
        with listed(*down, third) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, TEXT)
    assert {each.outcome for each in row.tries[:2]} == {"unavailable", "upstream_failed"}
    assert (row.tries[2].outcome, row.deployment, row.outcome) == ("success", "three", "success")
    assert answer.headers["x-deployment"] == "three"
    assert answer.headers["x-tries"] == ",".join(f"{each.deployment}={each.outcome}" for each in row.tries)


async def test_45_a_provider_that_keeps_failing_is_left_alone_and_is_used_again_once_it_works(door: Door):
    up = asyncio.Event()
    async with serving(WIRES[0], {**BEHAVIOURS, "down": down_until(up)}) as server:
        main = deployed(server, "main", "down")
        with listed(main, deployed(server, "spare", "good", weight=0)) as model:
            for _ in range(STRIKES + 10):
                assert (await asked(door, CONTRACT, model)).status == 200
            assert (len(server.asked["main"]), len(server.asked["spare"])) == (STRIKES, STRIKES + 10)
            assert states(main.base_url) == [State.OPEN]
            up.set()

            async def served_by_main() -> bool:
                return (await asked(door, CONTRACT, model)).headers["x-deployment"] == "down"

            end = asyncio.get_running_loop().time() + CHOSEN.circuit_pause * 4
            while not await served_by_main():
                assert asyncio.get_running_loop().time() < end
                await asyncio.sleep(0.05)
            assert states(main.base_url) == [State.CLOSED]
            assert all([await served_by_main() for _ in range(5)])


async def test_45_while_one_call_finds_out_whether_a_lone_provider_works_the_others_are_told_to_come_back(door: Door):
    release = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        if exchange.turn <= STRIKES:
            return await BEHAVIOURS["overloaded"](exchange)
        await release.wait()
        await BEHAVIOURS["good"](exchange)

    async with serving(WIRES[0], {"down": behave}) as server:
        with listed(deployed(server, "main", "down", answer_seconds=30.0)) as model:
            while len(server.asked["main"]) < STRIKES:
                assert (await asked(door, CONTRACT, model)).status == 503
            probe = asyncio.ensure_future(asked(door, CONTRACT, model))
            await eventually(lambda: len(server.asked["main"]) > STRIKES)
            refused = await asyncio.gather(*(asked(door, CONTRACT, model) for _ in range(10)))
            assert {(answer.status, answer.json["code"]) for answer in refused} == {(503, "unavailable")}
            assert all(1 <= int(answer.headers["retry-after"]) <= CHOSEN.circuit_pause for answer in refused)
            assert len(server.asked["main"]) == STRIKES + 1
            release.set()
            assert (await probe).status == 200
            assert (await asked(door, CONTRACT, model)).status == 200


async def test_45_a_request_that_is_refused_before_it_leaves_says_nothing_of_the_provider(door: Door):
    broken = {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,abc"}}
    async with serving(WIRES[0], BEHAVIOURS) as server:
        main = deployed(server, "main", "overloaded")
        with listed(main) as model:
            while states(main.base_url) != [State.OPEN]:
                assert (await asked(door, CONTRACT, model)).status == 503
            before = len(server.asked["main"])
            body = {"model": model, "messages": [{"role": "user", "content": [broken]}]}
            assert (await door.post("/v1/chat/completions", body)).status == 400
            assert (len(server.asked["main"]), states(main.base_url)) == (before, [State.OPEN])
