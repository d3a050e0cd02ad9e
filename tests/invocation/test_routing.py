"""Where calls go, what is tried, in how much time, and what the answer and the account say of it."""

import asyncio
import math

import pytest
from msgspec.structs import replace

from foundation.settings import CHOSEN
from tests.invocation.door import Door, onboarded
from tests.upstream.checking import account, asked, deployed, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import Behaviour, Exchange, serving
from tests.upstream.wires import READ, WIRES, WRITTEN

OPENAI, ANTHROPIC, BEDROCK = WIRES
CONTRACT = CLIENTS[0]
TEXT = "".join(WORDS)
EVERY_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


def failing(times: int, behaviour: str = "failed") -> Behaviour:
    """A provider that fails so many times, then works."""

    async def behave(exchange: Exchange) -> None:
        await BEHAVIOURS[behaviour if exchange.turn <= times else "good"](exchange)

    return behave


@EVERY_CLIENT
async def test_a_provider_that_fails_once_is_asked_again(client: Client, door: Door):
    async with serving(OPENAI, {"shaky": failing(1)}) as server:
        with listed(deployed(server, "case", "shaky")) as model:
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, TEXT)
    assert [each.outcome for each in row.tries] == ["upstream_failed", "success"]
    assert (row.outcome, row.input_tokens, row.output_tokens) == ("success", READ, WRITTEN)


@EVERY_CLIENT
async def test_a_fallback_of_another_provider_answers_and_its_price_is_paid(client: Client, door: Door):
    async with serving(OPENAI, BEHAVIOURS) as first, serving(BEDROCK, BEHAVIOURS) as second:
        with (
            listed(deployed(second, "spare", "good"), prices=(3.0, 5.0)) as spare,
            listed(deployed(first, "main", "failed"), fallbacks=(spare,)) as model,
        ):
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer)) == (200, TEXT)
    assert (answer.headers["x-served-by"], answer.headers["x-deployment"]) == (spare, "good")
    assert answer.headers["x-tries"] == f"failed=upstream_failed,failed=upstream_failed,{spare}/good=success"
    assert (row.model_name, row.served_by, row.deployment) == (model, spare, "good")
    assert row.cost == math.ceil(READ * 3 + WRITTEN * 5)


@EVERY_CLIENT
async def test_places_of_one_default_name_are_told_apart_by_their_models(client: Client, door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        with (
            listed(deployed(server, "spare", "good", name="openai")) as spare,
            listed(deployed(server, "main", "failed", name="openai"), fallbacks=(spare,)) as model,
        ):
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert [each.deployment for each in row.tries] == ["openai", "openai", f"{spare}/openai"]
    assert answer.headers["x-tries"] == ",".join(f"{each.deployment}={each.outcome}" for each in row.tries)


@EVERY_CLIENT
async def test_a_fallback_that_the_application_may_not_call_does_not_answer_it(client: Client):
    async with serving(OPENAI, BEHAVIOURS) as first, serving(BEDROCK, BEHAVIOURS) as second:
        with (
            listed(deployed(second, "spare", "good")) as spare,
            listed(deployed(first, "main", "failed"), fallbacks=(spare,)) as model,
        ):
            failed = await asked(onboarded(models=(model,)), client, model)
            answer = await asked(onboarded(models=(model, spare)), client, model)
    assert (failed.status, failed.headers["x-served-by"]) == (502, model)
    assert (answer.status, answer.headers["x-served-by"]) == (200, spare)
    assert len(second.asked["spare"]) == 1


@EVERY_CLIENT
async def test_a_refusal_after_tries_says_who_was_asked_and_one_before_them_does_not(client: Client, door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        with listed(deployed(server, "main", "failed")) as model:
            answer = await asked(door, client, model)
            refused = await asked(onboarded(models=("another",)), client, model)
    assert (answer.status, answer.headers["x-served-by"], answer.headers["x-deployment"]) == (502, model, "failed")
    assert answer.headers["x-tries"].startswith("failed=upstream_failed,failed=upstream_failed")
    assert refused.status == 403
    assert "x-served-by" not in refused.headers and refused.headers["x-request-id"]


async def test_no_call_is_tried_more_often_than_route_tries_says_however_many_places_there_are(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        places = [deployed(server, f"case-{number}", "failed", name=f"place {number}") for number in range(10)]
        with listed(*places) as model:
            answer = await asked(door, CONTRACT, model)
            row = await account(door, model)
    assert (answer.status, len(row.tries)) == (502, CHOSEN.route_tries)
    assert len({each.deployment for each in row.tries}) == CHOSEN.route_tries
    assert sum(map(len, server.asked.values())) == CHOSEN.route_tries


async def test_a_place_that_lets_its_time_pass_is_not_asked_again_by_the_same_call(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        slow = deployed(server, "slow", "hang", answer_seconds=0.3)
        with listed(slow, deployed(server, "spare", "good", weight=0)) as model:
            answer = await asked(door, CONTRACT, model)
            row = await account(door, model)
    assert (answer.status, answer.json["output_text"]) == (200, TEXT)
    assert [each.outcome for each in row.tries] == ["upstream_timeout", "success"]
    assert len(server.asked["slow"]) == 1


async def test_what_the_platform_itself_refuses_is_asked_of_nobody(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "good")) as model:
            answer = await door.post("/model/invoke", {"model_name": model, "prompt": ""})
    assert answer.status == 400 and not server.asked["case"]


async def test_a_request_that_the_provider_cannot_understand_is_asked_of_nobody_else(door: Door):
    async def cannot(exchange: Exchange) -> None:
        await exchange.whole(400, b'{"error": {"message": "temperature must be at most 1"}}')

    async with serving(OPENAI, {**BEHAVIOURS, "cannot": cannot}) as server:
        with (
            listed(deployed(server, "spare", "good")) as spare,
            listed(deployed(server, "main", "cannot"), fallbacks=(spare,)) as model,
        ):
            answer = await asked(door, CONTRACT, model)
    assert answer.status == 400 and "temperature must be at most 1" in answer.json["detail"]
    assert (len(server.asked["main"]), len(server.asked["spare"])) == (1, 0)


async def test_deployments_serve_by_their_weight_and_only_the_one_that_served_is_named(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        heavy = deployed(server, "heavy", "good", name="heavy", weight=9)
        with listed(heavy, deployed(server, "light", "good", name="light", weight=1)) as model:
            answers = [await asked(door, CONTRACT, model) for _ in range(60)]
    served = [answer.headers["x-deployment"] for answer in answers]
    assert served.count("heavy") == len(server.asked["heavy"]) and served.count("heavy") > 35
    assert len(server.asked["light"]) == 60 - len(server.asked["heavy"])
    assert not any("x-tries" in answer.headers for answer in answers)


async def test_each_place_gets_its_own_id_and_no_more_than_its_model_can_write(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        place = replace(deployed(server, "case", "good"), name="somewhere")
        with listed(place, output_limit=40) as model:
            await door.post("/model/invoke", {"model_name": model, "prompt": "Hi", "max_tokens": 5000})
    (only,) = server.asked["case"]
    assert (only["body"]["model"], only["body"]["max_tokens"]) == ("good", 40)


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.streamed], ids=lambda client: client.name)
async def test_a_stream_that_has_begun_is_never_asked_for_again(client: Client, door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        with (
            listed(deployed(server, "spare", "good")) as spare,
            listed(deployed(server, "main", "cut"), fallbacks=(spare,)) as model,
        ):
            answer = await asked(door, client, model)
            row = await account(door, model)
    assert (answer.status, client.text(answer), client.looks_complete(answer)) == (200, "Hello", False)
    assert (len(server.asked["main"]), len(server.asked["spare"])) == (1, 0)
    assert (row.outcome, [each.outcome for each in row.tries]) == ("upstream_failed", ["upstream_failed"])


async def test_calls_that_fail_together_are_each_bounded_and_leave_one_row_each(door: Door):
    async with serving(OPENAI, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "overloaded")) as model:
            answers = await asyncio.gather(*(asked(door, CONTRACT, model) for _ in range(30)))
    assert {answer.status for answer in answers} == {503}
    assert len({answer.headers["x-request-id"] for answer in answers}) == 30
    assert len(server.asked["case"]) < 30 * CHOSEN.route_tries / 2  # the circuit has opened in between
