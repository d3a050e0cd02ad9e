"""A platform that has Bedrock: its old names and its dialects, over HTTP, in front of a Bedrock that checks signatures."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from apps.invocation.catalogue import Kind, catalogue, shipped
from apps.invocation.records import Deployment, Model
from foundation.errors import Invalid
from tests.conftest import free_port
from tests.running import Api, Platform
from tests.upstream.bedrock_server import ACCESS, SECRET, TOKEN, BedrockServer, converse, serving

OLD = [model for model in shipped() if model.provider == "bedrock"]
TEXT = [model for model in OLD if model.kind is Kind.TEXT]
SONNET, RANKER = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.rerank-v1:0"


@pytest.fixture(scope="module")
def server() -> Iterator[BedrockServer]:
    with serving() as running:
        for model in OLD:
            if model.kind is Kind.EMBED:
                vectors = [[0.6, 0.8]] if "cohere" in model.id else None
                body = {"embeddings": vectors} if vectors else {"embedding": [0.6, 0.8]}
                running.answers[model.id] = lambda _, body=body: body  # type: ignore[misc]
        yield running


@pytest.fixture(scope="module")
def platform(server: BedrockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`manage.py up` with Bedrock as its settings have it."""
    settings = {
        "BEDROCK_REGION": server.region,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
        "AWS_ENDPOINT_URL_BEDROCK": server.url,
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    running = Platform(tmp_path_factory.mktemp("bedrock") / "home", free_port(), **settings)
    running.start()
    add = ("models", "add", "--provider", "bedrock", "--json")
    running.manage(*add, "sonnet", "--model", SONNET, "--input", "image")
    running.manage(*add, "ranker", "--model", RANKER, "--kind", "rerank")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def api(platform: Platform) -> Api:
    return platform.api(platform.create_application("bedrock"))


def told(api: Api, body: Mapping[str, Any]) -> Any:
    answer = api.post("/v1/chat/completions", body)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("model", TEXT, ids=lambda model: model.name)
def test_every_old_text_model_answers_by_bedrock_under_its_old_id(api: Api, server: BedrockServer, model: Model):
    answer = api.ok("POST", "/model/invoke", {"model_name": model.name, "prompt": "Hello"})
    assert answer == {
        "output_text": "You said: Hello",
        "input_tokens": 11,
        "output_tokens": 7,
        "model": model.name,
        "served_by": model.name,
    }
    assert (server.last.model, server.last.signer, server.last.action) == (model.id, ACCESS, "converse")


@pytest.mark.parametrize("model", [model for model in OLD if model.kind is Kind.EMBED], ids=lambda model: model.name)
def test_every_old_embedding_model_answers_by_bedrock(api: Api, server: BedrockServer, model: Model):
    answer = api.ok("POST", "/model/embed", {"model_name": model.name, "input_text": "Hello"})
    assert (answer["embedding"], answer["input_tokens"], answer["served_by"]) == ([0.6, 0.8], 7, model.name)
    assert (server.last.model, server.last.action) == (model.id, "invoke")


def test_a_body_in_a_providers_own_form_is_answered_too(api: Api):
    raw = {"model_id": "anthropic.claude-v2", "raw_input": {"prompt": "Hello", "max_tokens_to_sample": 10}}
    assert api.ok("POST", "/model/invoke_with_raw_input", raw)["output_text"] == "You said: Hello"


def test_a_conversation_of_openais_form_streams_from_bedrock(api: Api, server: BedrockServer):
    asked = {"model": "sonnet", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    events = [line[6:] for line in told(api, asked).text.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    pieces = [choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"]]
    assert "".join(pieces) == "You said: Hello"
    assert (server.last.model, server.last.action) == (SONNET, "converse-stream")


def test_tools_go_to_bedrock_and_come_back(api: Api, server: BedrockServer):
    use = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Rome"}}}
    server.answers[SONNET] = lambda _: converse([use], "tool_use")
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    asked = {"model": "sonnet", "messages": [{"role": "user", "content": "Weather?"}], "tools": [tool]}
    choice = told(api, asked).json()["choices"][0]
    del server.answers[SONNET]
    assert choice["finish_reason"] == "tool_calls"
    called = choice["message"]["tool_calls"][0]["function"]
    assert (called["name"], json.loads(called["arguments"])) == ("weather", {"city": "Rome"})
    assert server.last.body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "weather"


def test_anthropics_form_keeps_its_thoughts_cache_points_and_counts(api: Api, server: BedrockServer):
    thought = {"reasoningContent": {"reasoningText": {"text": "I think.", "signature": "Eu4C"}}}
    counted = {"cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}
    server.answers[SONNET] = lambda _: converse([thought, {"text": "Hello"}], **counted)
    asked = {
        "model": "sonnet",
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "system": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [{"role": "user", "content": "Hi"}],
    }
    answer = api.ok("POST", "/v1/messages", asked)
    del server.answers[SONNET]
    assert answer["content"][0] == {"type": "thinking", "thinking": "I think.", "signature": "Eu4C"}
    assert [answer["usage"][name] for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")] == [
        11,
        100,
        20,
    ]
    assert server.last.body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert server.last.body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}


def test_a_guardrail_and_the_callers_labels_reach_bedrock(api: Api, server: BedrockServer):
    guard = {"guardrailIdentifier": "xbgw7g293v7o", "guardrailVersion": "DRAFT"}
    asked = {"model": "sonnet", "messages": [{"role": "user", "content": "Hello"}], "guardrailConfig": guard}
    answer = api.post("/v1/chat/completions", asked, headers={"x-labels": "team=search"})
    assert answer.status_code == 200
    assert server.last.body["guardrailConfig"] == {**guard, "trace": "disabled"}
    assert server.last.body["requestMetadata"] == {"team": "search"}


def test_documents_are_ranked_by_bedrock(api: Api, server: BedrockServer):
    server.answers[RANKER] = lambda _: {"results": [{"index": 1, "relevance_score": 0.9}]}
    answer = api.ok("POST", "/v1/rerank", {"model": "ranker", "query": "Who?", "documents": ["a", "b"], "top_n": 1})
    assert [(each["index"], each["relevance_score"]) for each in answer["results"]] == [(1, 0.9)]


def test_what_only_tunes_and_the_model_does_not_have_is_reported(api: Api, server: BedrockServer):
    both = {"temperature": 0.5, "top_p": 0.9, "seed": 7}
    answer = told(api, {"model": "sonnet", "messages": [{"role": "user", "content": "Hello"}], **both})
    assert answer.headers["x-ignored-parameters"] == "seed,top_p"
    assert server.last.body["inferenceConfig"] == {"temperature": 0.5}


def test_what_changes_the_answer_and_the_model_does_not_have_is_refused_by_its_name(api: Api, server: BedrockServer):
    asked = len(server.asked)
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = {"model": "TITAN_TEXT_LITE_V1", "messages": [{"role": "user", "content": "Hello"}], "tools": [tool]}
    answer = api.post("/v1/chat/completions", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tools")
    assert len(server.asked) == asked


def test_without_a_region_an_old_name_is_refused_with_the_setting_that_serves_it():
    with pytest.raises(Invalid, match="set BEDROCK_REGION to call it at Amazon Bedrock, or name it in OPENAI_MODELS"):
        catalogue({}, {}).serving("ANTHROPIC_CLAUDE_V2", Kind.TEXT)


def test_a_deployment_with_a_region_of_its_own_needs_no_setting():
    places = (Deployment("frankfurt", "bedrock", SONNET, region="eu-central-1"), Deployment("nowhere", "bedrock", SONNET))
    model = Model("sonnet", SONNET, Kind.TEXT, "bedrock", deployments=places)
    assert [place.name for place in model.usable] == ["frankfurt"]


def test_the_commands_of_an_operator_reach_bedrock(platform: Platform):
    tried = json.loads(platform.manage("models", "test", "sonnet", "--json"))
    assert [one["works"] for one in tried] == [True]
