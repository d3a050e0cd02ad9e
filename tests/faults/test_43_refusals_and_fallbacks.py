"""Fault 43: what one model refuses another may answer, where that can help; and what none should be asked again."""

import pytest

from tests.invocation.door import Door, opened
from tests.upstream.checking import account, asked, deployed, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES, Wire

TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def door() -> Door:
    """An application of its own."""
    return opened()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_43_a_prompt_that_is_too_long_goes_to_a_fallback_with_a_larger_context_window(wire: Wire, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        small, same = deployed(server, "small", "too_long"), deployed(server, "same", "good")
        other = deployed(server, "other", "too_long", name="other")
        with (
            listed(same, context_window=8192) as equal,
            listed(deployed(server, "large", "good"), context_window=128_000) as large,
            listed(small, other, context_window=8192, fallbacks=(equal, large)) as model,
        ):
            answer = await asked(door, CLIENTS[0], model)
            row = await account(door, model)
    assert (answer.status, answer.json["output_text"], answer.json["served_by"]) == (200, TEXT, large)
    assert [each.outcome for each in row.tries] == ["context_length_exceeded", "success"]
    assert len(server.asked["small"]) + len(server.asked["other"]) == 1 and not server.asked["same"]
    assert (row.model_name, row.served_by, row.deployment) == (model, large, "good")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("behaviour", ["unknown", "denied"])
async def test_43_a_model_that_is_retired_or_closed_to_us_falls_back_at_once(behaviour: str, client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        main = deployed(server, "main", behaviour)
        with listed(deployed(server, "spare", "good")) as spare, listed(main, fallbacks=(spare,)) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, TEXT)
    assert (len(server.asked["main"]), len(server.asked["spare"])) == (1, 1)
    assert (answer.headers["x-served-by"], row.served_by) == (spare, spare)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_43_what_a_filter_kept_back_is_asked_of_nobody_else(client: Client, door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        main = deployed(server, "main", "filtered")
        with listed(deployed(server, "spare", "good")) as spare, listed(main, fallbacks=(spare,)) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, row.outcome) == (400, "content_blocked")
    assert (len(server.asked["main"]), len(server.asked["spare"])) == (1, 0)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_43_an_answer_that_the_filter_ends_is_told_as_such_and_not_repeated(client: Client, wire: Wire, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "filtered_answer")) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, row.outcome, len(server.asked["case"])) == (200, "success", 1)
    assert client.name == "contract" or b"content_filter" in answer.body or b"refusal" in answer.body


async def test_43_refusals_of_what_is_asked_open_no_circuit(door: Door):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "too_long")) as model:
            answers = [await asked(door, CLIENTS[0], model) for _ in range(10)]
    assert {(answer.status, answer.json["code"]) for answer in answers} == {(400, "context_length_exceeded")}
    assert len(server.asked["case"]) == 10
