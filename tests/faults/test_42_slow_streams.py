"""Fault 42: an answer that comes slowly is a good one, for as long as it comes."""

import pytest

from tests.invocation.door import Door, opened
from tests.upstream.checking import STREAMED, account, asked, deployed, listed
from tests.upstream.clients import Client
from tests.upstream.faults import BEHAVIOURS, PAUSE, WORDS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES, Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
@pytest.mark.parametrize("client", STREAMED, ids=lambda client: client.name)
async def test_42_a_stream_may_last_longer_than_its_pauses_may(client: Client, wire: Wire, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "slow", first_token_seconds=0.6, idle_seconds=0.6)) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, "".join(WORDS))
    assert client.looks_complete(answer)
    assert row.outcome == "success" and row.latency_ms >= 600
    assert row.first_token_ms is not None and row.latency_ms - row.first_token_ms >= len(WORDS[1:]) * PAUSE * 4 * 900
