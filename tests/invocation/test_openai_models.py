"""GET /v1/models: what the application may call and somebody answers for."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, State
from foundation import keys
from tests.invocation.door import Door, ask, onboarded

ODD = "meta-llama/Llama 3.3:70b"


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    """A model whose name has characters that paths give a meaning to; another name of it is `llama`."""
    place = Deployment("there", "openai_compatible", "llama3.3", base_url="http://127.0.0.1:1/v1")
    services.save_model(Model(ODD, "", Kind.TEXT, "", context_window=8192, aliases=("llama",), deployments=(place,)))
    yield ODD
    services.remove_model(ODD)


async def listed(door: Door) -> dict[str, Any]:
    answer = await door.get("/v1/models")
    assert (answer.status, answer.json["object"]) == (200, "list")
    return {model["id"]: model for model in answer.json["data"]}


async def test_models_are_listed_as_openais_clients_know_them(door: Door, odd: str):
    models = await listed(door)
    assert models["smollm2-135m-instruct"] == {
        "id": "smollm2-135m-instruct",
        "object": "model",
        "created": 0,
        "owned_by": "local_text",
        "kind": "text",
        "served_by": "smollm2-135m-instruct",
        "context_window": models["smollm2-135m-instruct"]["context_window"],
        "max_output_tokens": 2048,
    }
    assert models[odd]["context_window"] == 8192
    assert models["llama"] == {**models[odd], "id": "llama"}
    assert models["all-minilm-l6-v2"]["kind"] == "embed"
    assert models["ANTHROPIC_CLAUDE_V2"]["served_by"] == "smollm2-135m-instruct"


async def test_only_what_the_policy_allows_is_listed():
    door = onboarded(models=("smollm*", "all-minilm-l6-v2"))
    assert (await listed(door)).keys() == {"smollm2-135m-instruct", "all-minilm-l6-v2"}
    assert (await door.get("/v1/models/ANTHROPIC_CLAUDE_V2")).status == 404
    assert (await door.get("/v1/models/all-minilm-l6-v2")).status == 200


async def test_what_nobody_answers_for_is_not_listed(door: Door):
    place = Deployment("there", "openai_compatible", "x", base_url="http://127.0.0.1:1/v1")
    ranker = Model("ranker", "", Kind.RERANK, "", deployments=(place,))
    services.save_model(ranker)
    assert "ranker" in await listed(door)
    services.save_model(Model("ranker", "", Kind.RERANK, "", state=State.DISABLED, deployments=(place,)))
    assert "ranker" not in await listed(door)
    assert (await door.get("/v1/models/ranker")).status == 404
    services.remove_model("ranker")


@pytest.mark.parametrize("name", [ODD, "llama"])
async def test_one_model_is_found_by_any_of_its_names(door: Door, odd: str, name):
    answer = await door.get(f"/v1/models/{name}")
    assert (answer.status, answer.json["id"], answer.json["object"]) == (200, odd, "model")


async def test_an_unknown_model_is_404_in_openais_words(door: Door):
    answer = await door.get("/v1/models/nothing")
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["param"]) == (404, "model_not_found", "model")


async def test_nobody_is_401_and_a_key_is_enough(door: Door):
    nobody = await ask("GET", "/v1/models", b"", None, {})
    assert (nobody.status, nobody.json["error"]["code"]) == (401, "invalid_api_key")
    _, key = keys.create(door.caller.application, door.caller.client, "for tests")
    for headers in ({"authorization": f"Bearer {key}"}, {"x_api_key": key}):
        assert (await ask("GET", "/v1/models", b"", None, headers)).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_a_path_that_there_is_not_is_told_in_the_dialect_of_its_neighbours(door: Door, method: str):
    ours = await ask(method, "/v1/completions", b"{}", door.token, {})
    assert (ours.status, ours.json["error"]["type"], ours.json["error"]["code"]) == (404, "invalid_request_error", "not_found")
    assert ours.json["error"]["message"] == f"Invalid URL ({method} /v1/completions)"
    theirs = await ask(method, "/v1/messages/bundles", b"{}", door.token, {})
    assert (theirs.status, theirs.json["type"], theirs.json["error"]["type"]) == (404, "error", "not_found_error")
    assert (await ask(method, "/model/nowhere", b"{}", door.token, {})).json == {"detail": "Not Found", "code": "not_found"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completions",
        "/v1/fine_tuning/jobs",
        "/v1/images/generations",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/realtime/client_secrets",
        "/v1/mcp",
        "/v1/a2a",
    ],
)
async def test_an_api_that_is_not_offered_is_refused_by_its_path(door: Door, path: str):
    answer = await ask("POST", path, b"{}", door.token, {})
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")
    assert answer.json["error"]["message"] == f"Invalid URL (POST {path})"
