"""Fault 40: a provider that does not count its tokens is billed all the same, streamed and unstreamed alike."""

from collections.abc import Callable
from copy import copy
from typing import Any

import pytest

from apps.invocation.records import Deployment, Kind
from apps.usage.records import Invocation
from tests.invocation import unruly
from tests.invocation.door import Door, opened
from tests.upstream.checking import PRICES, STREAMED, WHOLE, account, asked, check, deployed, listed
from tests.upstream.clients import CLIENTS
from tests.upstream.faults import BEHAVIOURS, WORDS, Fault
from tests.upstream.unruly import serving
from tests.upstream.wires import READ, WIRES, WRITTEN, Bedrock, Wire


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_40_missing_usage_is_estimated(wire: Wire, door: Door):
    rows = []
    async with serving(wire, BEHAVIOURS) as server:
        for client in WHOLE if wire.provider == "bedrock" else CLIENTS:
            with listed(deployed(server, client.name, "uncounted")) as model:
                answer = await asked(door, client, model)
                assert (answer.status, client.text(answer)) == (200, "".join(WORDS))
                rows.append(await account(door, model))
    assert {row.outcome for row in rows} == {"success"}
    assert all(row.input_tokens > 0 and row.output_tokens > 0 and (row.cost or 0) > 0 for row in rows), rows
    # Anthropic tells a count at a stream's beginning.
    assert all(row.estimated for row in rows if wire.provider != "anthropic" or not row.streamed), rows


async def test_40_a_stream_of_bedrock_without_its_count_has_not_come_to_its_end(door: Door):
    async with serving(Bedrock(), BEHAVIOURS) as server:
        for client in STREAMED:
            await check(Fault(40, "uncounted", "upstream_failed", begun=True), server, client, door)


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


@pytest.mark.parametrize("form", [float, str, "{}.0".format], ids=["float", "text", "text-of-a-float"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_a_count_that_is_no_integer_is_read_where_it_can_be(wire: Wire, form: Callable[[int], Any], door: Door):
    rows = await answered(replaced(wire, {name: form(count) for name, count in wire.usage.items()}), door)
    assert {(row.input_tokens, row.output_tokens, row.estimated) for row in rows} == {(READ, WRITTEN, False)}


@pytest.mark.parametrize("odd", [None, 1.5, "many", True, [7], {"sum": 7}, 10**20], ids=str)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_a_count_that_says_nothing_is_estimated_and_the_answer_is_not_lost(wire: Wire, odd: Any, door: Door):
    rows = await answered(replaced(wire, dict.fromkeys(wire.usage, odd)), door)
    assert all(row.estimated and row.cost and 0 < row.input_tokens < 1000 > row.output_tokens > 0 for row in rows), rows


@pytest.mark.parametrize("odd", [None, "12", [], 7, {}], ids=str)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_usage_that_is_none_is_estimated_and_the_answer_is_not_lost(wire: Wire, odd: Any, door: Door):
    rows = await answered(replaced(wire, odd), door)
    assert all(row.cost and 0 < row.input_tokens < 1000 > row.output_tokens > 0 for row in rows), rows
    assert all(row.estimated for row in rows), rows


def replaced(wire: Wire, usage: Any) -> Wire:
    """The same form with another account of the tokens."""
    odd = copy(wire)
    odd.usage = usage
    return odd


async def answered(wire: Wire, door: Door) -> list[Invocation]:
    """The account of each client's good answer."""
    rows = []
    async with serving(wire, BEHAVIOURS) as server:
        for client in CLIENTS:
            with listed(deployed(server, client.name, "good")) as model:
                answer = await asked(door, client, model)
                assert (answer.status, client.text(answer)) == (200, "".join(WORDS)), answer.body
                rows.append(await account(door, model))
    assert {row.outcome for row in rows} == {"success"}
    return rows


ASKED = [
    pytest.param(Kind.EMBED, "/v1/embeddings", {"input": "a text"}, id="embeddings"),
    pytest.param(Kind.RERANK, "/v1/rerank", {"query": "a", "documents": ["text"]}, id="rerank"),
]


@pytest.mark.parametrize(("kind", "path", "asks"), ASKED)
@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 12.0}, 12),
        ({"prompt_tokens": "12"}, 12),
        ({"prompt_tokens": None, "total_tokens": 12}, 12),
        ({"prompt_tokens": 1.5, "total_tokens": None}, 2),
        ("12", 2),
        (None, 2),
    ],
    ids=str,
)
async def test_what_embedding_and_ranking_count_is_read_or_estimated(
    kind: Kind, path: str, asks: Any, usage: Any, counted: int, door: Door
):
    row = await listed_answer(kind, path, asks, usage, door)
    assert (row.outcome, row.input_tokens, row.estimated) == ("success", counted, counted == 2)


@pytest.mark.parametrize(("kind", "path", "asks"), ASKED)
async def test_a_count_below_nothing_gives_no_money_back(kind: Kind, path: str, asks: Any, door: Door):
    row = await listed_answer(kind, path, asks, {"prompt_tokens": -5000, "total_tokens": -5000}, door)
    assert (row.outcome, row.input_tokens, row.cost) == ("success", 0, 0)


async def listed_answer(kind: Kind, path: str, asks: Any, usage: Any, door: Door) -> Invocation:
    """The account of a good answer that is a list of vectors or of ranks, by a server that counts so."""
    body = {
        "data": [{"index": 0, "embedding": [1.0]}],
        "results": [{"index": 0, "relevance_score": 1.0}],
        "usage": usage,
    }
    async with unruly.serving(unruly.reply(200, body)) as server:
        place = Deployment("odd", "openai_compatible", "x", base_url=server.url)
        with listed(place, kind=kind) as model:
            answer = await door.post(path, {"model": model, **asks})
            row = await account(door, model)
    assert (answer.status, answer.json["usage"]["prompt_tokens"]) == (200, row.input_tokens)
    return row
