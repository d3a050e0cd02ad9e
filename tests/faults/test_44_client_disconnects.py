"""Fault 44: a client goes away in the middle of a stream: the provider is stopped, and what was written is billed."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from apps.invocation.gateway import routes
from apps.invocation.sizes import BYTES_A_TOKEN
from foundation.asgi import application
from foundation.hot import Front
from foundation.settings import CHOSEN
from tests.invocation.door import Answer, Door, opened
from tests.upstream.checking import PRICES, STREAMED, WHOLE, account, asked, deployed, eventually, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.leaving import left
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES, Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
@pytest.mark.parametrize("client", STREAMED, ids=lambda client: client.name)
async def test_44_the_provider_is_stopped_within_a_second_and_what_came_is_billed(wire: Wire, client: Client, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "endless")) as model:
            came = await left(door, client, model)
            await eventually(lambda: server.left["case"], seconds=1)
            row = await account(door, model)
    assert not client.looks_complete(Answer(200, {}, came)) and b'"error":{' not in came
    words = came.count(b"word ")
    written = row.output_tokens * BYTES_A_TOKEN / len("word ")
    assert row.outcome == "cancelled" and [each.outcome for each in row.tries] == ["cancelled"]
    assert words <= written + 1 and row.output_tokens > 0 and row.input_tokens > 0
    assert row.cost == row.input_tokens * PRICES.input + row.output_tokens * PRICES.output
    assert row.first_token_ms is not None and row.estimated


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_44_a_client_that_leaves_before_the_first_word_stops_the_provider_too(client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "hang", first_token_seconds=30.0, answer_seconds=30.0)) as model:
            asked = asyncio.Event()
            leaving = asyncio.ensure_future(left(door, client, model, once=asked))
            await eventually(lambda: server.asked["case"])
            asked.set()
            assert await leaving == b""
            await eventually(lambda: server.left["case"], seconds=1)
            row = await account(door, model)
    assert (row.outcome, row.output_tokens, row.estimated) == ("cancelled", 0, True)
    assert row.cost == row.input_tokens * PRICES.input > 0  # the provider may bill what it has read


@pytest.mark.parametrize("client", STREAMED, ids=lambda client: client.name)
async def test_44_a_client_that_leaves_opens_no_circuit(client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "endless")) as model:
            for _ in range(8):
                assert b"word" in await left(door, client, model)


async def test_44_a_try_that_was_too_slow_is_billed_beside_the_one_that_answers(door: Door):
    client = WHOLE[0]
    async with serving(WIRES[0], BEHAVIOURS) as server:
        slow = deployed(server, "slow", "hang", answer_seconds=0.5)
        with (
            listed(slow, deployed(server, "quick", "good", weight=0)) as model,
            listed(deployed(server, "alone", "good")) as alone,
        ):
            assert (await asked(door, client, model)).status == 200
            row = await account(door, model)
            assert (await asked(door, client, alone)).status == 200
            single = await account(door, alone)
    assert [each.outcome for each in row.tries] == ["upstream_timeout", "success"]
    read = row.input_tokens - single.input_tokens
    assert (row.estimated, single.estimated, read > 0) == (True, False, True)
    assert row.output_tokens == single.output_tokens
    assert row.cost == (single.cost or 0) + read * PRICES.input


async def test_44_a_client_that_stays_gets_its_whole_answer_however_long_that_takes(door: Door):
    client = WHOLE[0]
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "slow")) as model:
            answer = await asked(door, client, model)
    assert (answer.status, client.text(answer)) == (200, "".join(WORDS))


@pytest.mark.parametrize("client", STREAMED, ids=lambda client: client.name)
async def test_44_a_stream_that_its_client_does_not_read_ends_with_its_time(client: Client, door: Door):
    routes_in_a_hurry = [replace(route, seconds=1.0) for route in routes]
    front = Front(routes_in_a_hurry, application)

    async def platform(scope: Any, receive: Any, send: Any) -> None:
        async def stuck(message: Any) -> None:
            await send(message)
            if message.get("more_body"):
                await asyncio.Event().wait()

        await front(scope, receive, stuck)

    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "endless")) as model:
            came = await left(door, client, model, asyncio.Event(), platform=platform)
            await eventually(lambda: server.left["case"], seconds=1)
            row = await account(door, model)
    assert not client.looks_complete(Answer(200, {}, came))
    assert (row.outcome, row.estimated, (row.cost or 0) > 0) == ("cancelled", True, True)


def test_44_no_stream_lasts_longer_than_what_is_reserved_for_it():
    assert {route.seconds for route in routes} == {CHOSEN.route_deadline + CHOSEN.route_longest}
