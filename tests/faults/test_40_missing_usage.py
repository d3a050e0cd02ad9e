"""Fault 40: a provider that does not count its tokens is billed all the same, streamed and unstreamed alike."""

import pytest

from tests.invocation.door import Door, opened
from tests.upstream.checking import PRICES, account, asked, deployed, listed
from tests.upstream.clients import CLIENTS
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import serving
from tests.upstream.wires import READ, WIRES, WRITTEN, Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.provider != "bedrock"], ids=lambda wire: wire.provider)
async def test_40_missing_usage_is_estimated(wire: Wire, door: Door):
    rows = []
    async with serving(wire, BEHAVIOURS) as server:
        for client in CLIENTS:
            with listed(deployed(server, client.name, "uncounted")) as model:
                answer = await asked(door, client, model)
                assert (answer.status, client.text(answer)) == (200, "".join(WORDS))
                rows.append(await account(door, model))
    assert {row.outcome for row in rows} == {"success"}
    assert all(row.input_tokens > 0 and row.output_tokens > 0 and (row.cost or 0) > 0 for row in rows), rows


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_the_same_answer_costs_the_same_streamed_and_unstreamed_in_every_dialect(wire: Wire, door: Door):
    rows = []
    async with serving(wire, BEHAVIOURS) as server:
        for client in CLIENTS:
            with listed(deployed(server, client.name, "good")) as model:
                assert client.text(await asked(door, client, model)) == "".join(WORDS)
                rows.append(await account(door, model))
    assert {(row.input_tokens, row.output_tokens) for row in rows} == {(READ, WRITTEN)}
    assert {row.cost for row in rows} == {READ * PRICES.input + WRITTEN * PRICES.output}
    assert [row.streamed for row in rows] == [client.streamed for client in CLIENTS]
