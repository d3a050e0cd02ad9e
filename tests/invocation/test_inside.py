"""What is inside of the platform (addresses, settings, keys) is for who runs it: callers are told whom to ask, about what."""

import logging
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.invocation import services
from apps.invocation.adapters import refusals
from apps.invocation.catalogue import catalogue
from apps.invocation.records import Deployment, Kind, Model, State
from foundation.errors import ModelUnavailable
from tests.invocation.door import Answer, Door
from tests.upstream.checking import STREAMED, asked, deployed, listed
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import BEHAVIOURS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES

EVERY_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
AWAY = Deployment("away", "openai_compatible", "x", base_url="http://127.0.0.1:1/v1")


def message(answer: Answer) -> str:
    """The words of a refusal, in any dialect."""
    said: Any = answer.json
    return str(said["detail"] if "detail" in said else said["error"]["message"])


@EVERY_CLIENT
async def test_the_address_of_a_model_server_is_in_the_log_by_the_requests_id_and_in_no_answer(
    client: Client, door: Door, caplog: pytest.LogCaptureFixture
):
    with listed(AWAY) as model, caplog.at_level(logging.WARNING):
        answer = await asked(door, client, model)
    name = answer.headers["x-request-id"]
    assert answer.status == client.status("unavailable")
    assert message(answer) == f"the model server cannot be reached; ask your administrator about request {name}"
    assert b"127.0.0.1" not in answer.body
    assert any(name in line and "127.0.0.1:1 cannot be reached" in line for line in caplog.messages)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_a_stream_that_breaks_off_names_no_address_either(wire: Any, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "cut")) as model:
            answer = await door.post(
                "/v1/chat/completions", {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
            )
    assert b"127.0.0.1" not in answer.body
    assert b'"error"' in answer.body


@EVERY_CLIENT
@pytest.mark.parametrize(("how", "refusal"), [("failed", "failed"), ("limited", "limited"), ("error_in_a_200", "failed")])
async def test_what_a_provider_says_of_itself_is_in_the_log_and_in_no_answer(
    how: str, refusal: str, client: Client, door: Door, caplog: pytest.LogCaptureFixture
):
    wire = WIRES[0]
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", how)) as model, caplog.at_level(logging.WARNING):
            answer = await asked(door, client, model)
    words = refusals.words(wire.refusal(refusal).body)
    assert words not in message(answer)
    assert message(answer).endswith(f"; ask your administrator about request {answer.headers['x-request-id']}")
    assert any(words in line for line in caplog.messages)


@pytest.mark.parametrize("client", STREAMED, ids=lambda client: client.name)
async def test_what_a_provider_says_of_itself_in_the_middle_of_a_stream_is_in_the_log_and_in_no_answer(
    client: Client, door: Door, caplog: pytest.LogCaptureFixture
):
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "error_after_the_200")) as model, caplog.at_level(logging.WARNING):
            answer = await asked(door, client, model)
    said = f"the model server failed in its answer; ask your administrator about request {answer.headers['x-request-id']}"
    assert client.error(answer)[1] == said
    assert b"The server had an error" not in answer.body
    assert any("The server had an error" in line for line in caplog.messages)


@EVERY_CLIENT
async def test_a_model_that_is_switched_off_is_told_apart_from_a_wrong_request_and_from_no_model(client: Client, door: Door):
    with listed(AWAY) as model:
        services.save_model(Model(model, "", Kind.TEXT, "", state=State.DISABLED, deployments=(AWAY,)))
        answer = await asked(door, client, model)
    name = answer.headers["x-request-id"]
    assert answer.status == (400 if client.name == "contract" else 404)
    assert message(answer) == f"{model} is switched off; call another model; ask your administrator about request {name}"
    error = answer.json if client.name == "contract" else answer.json["error"]
    assert error.get("code", error.get("type")) == ("not_found_error" if "anthropic" in client.name else "model_unavailable")
    assert b"manage.py" not in answer.body


async def test_a_model_that_no_provider_runs_names_no_setting_to_who_calls_it_and_says_it_to_who_tests_it(
    door: Door, caplog: pytest.LogCaptureFixture
):
    services.save_model(Model("nobody-runs-it", "x", Kind.RERANK, "bedrock"))
    try:
        with caplog.at_level(logging.WARNING):
            answer = await door.post("/v1/rerank", {"model": "nobody-runs-it", "query": "q", "documents": ["d"]})
    finally:
        services.remove_model("nobody-runs-it")
    name = answer.headers["x-request-id"]
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_unavailable")
    assert message(answer) == (
        f"no provider of this platform runs nobody-runs-it; call another model; ask your administrator about request {name}"
    )
    assert any(name in line and "set BEDROCK_REGION" in line for line in caplog.messages)


def test_who_tests_a_model_that_no_provider_runs_is_told_what_to_set():
    services.save_model(Model("nobody-runs-it", "x", Kind.RERANK, "bedrock"))
    try:
        with pytest.raises(CommandError, match="set BEDROCK_REGION"):
            call_command("models", "test", "nobody-runs-it")
    finally:
        services.remove_model("nobody-runs-it")


def test_the_reason_is_not_in_what_the_caller_reads():
    with pytest.raises(ModelUnavailable) as refused:
        catalogue({}, {}).serving("ANTHROPIC_CLAUDE_V2", Kind.TEXT)
    assert "BEDROCK_REGION" in refused.value.reason and "BEDROCK_REGION" not in refused.value.detail


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_a_provider_that_lets_nobody_in_is_told_without_the_names_of_keys_and_rights(wire: Any, door: Door):
    async with serving(wire, BEHAVIOURS) as server:
        with listed(deployed(server, "case", "denied")) as model:
            answer = await asked(door, CLIENTS[0], model)
    name = answer.headers["x-request-id"]
    said = f"the model's provider does not let this platform in; ask your administrator about request {name}"
    assert (answer.status, answer.json["code"], answer.json["detail"]) == (502, "upstream_denied", said)
