"""Fault 40: a provider that does not count its tokens is billed all the same, streamed and unstreamed alike."""

from typing import Any

import pytest

from apps.invocation.records import Deployment, Kind
from tests.invocation import unruly
from tests.invocation.door import Door, opened
from tests.upstream.checking import PRICES, account, asked, deployed, listed
from tests.upstream.clients import CLIENTS
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import serving
from tests.upstream.wires import READ, WIRES, WRITTEN, Bedrock, OpenAI, Wire


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
    # Anthropic tells a count at a stream's beginning.
    assert all(row.estimated for row in rows if wire.provider != "anthropic" or not row.streamed), rows


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
    assert not any(row.estimated for row in rows), rows


@pytest.mark.parametrize("wire", [OpenAI(), Bedrock()], ids=lambda wire: wire.provider)
async def test_a_count_that_no_store_could_hold_is_a_failure_and_on_the_account(wire: OpenAI | Bedrock, door: Door):
    wire.usage = dict.fromkeys(wire.usage, 10**20)
    async with serving(wire, BEHAVIOURS) as server:
        for client in CLIENTS:
            with listed(deployed(server, client.name, "good")) as model:
                answer = await asked(door, client, model)
                row = await account(door, model)
            assert (row.outcome, row.input_tokens < 1000, row.output_tokens < 1000) == ("upstream_failed", True, True), row
            assert not client.looks_complete(answer), answer.body
            assert answer.status == 502 or client.streamed


@pytest.mark.parametrize(
    ("kind", "path", "asks"),
    [
        (Kind.EMBED, "/v1/embeddings", {"input": "a text"}),
        (Kind.RERANK, "/v1/rerank", {"query": "a", "documents": ["text"]}),
    ],
    ids=["embeddings", "rerank"],
)
async def test_a_count_below_nothing_gives_no_money_back(kind: Kind, path: str, asks: Any, door: Door):
    body = {
        "data": [{"index": 0, "embedding": [1.0]}],
        "results": [{"index": 0, "relevance_score": 1.0}],
        "usage": {"prompt_tokens": -5000, "total_tokens": -5000},
    }
    async with unruly.serving(unruly.reply(200, body)) as server:
        place = Deployment("odd", "openai_compatible", "x", base_url=server.url)
        with listed(place, kind=kind) as model:
            answer = await door.post(path, {"model": model, **asks})
            row = await account(door, model)
    assert (answer.status, answer.json["usage"]["prompt_tokens"]) == (200, 0)
    assert (row.outcome, row.input_tokens, row.cost) == ("success", 0, 0)
