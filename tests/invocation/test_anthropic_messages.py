"""POST /v1/messages: what Anthropic's clients ask, by Anthropic's own models and by others."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import Message
from pydantic import TypeAdapter

from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door, ask, opened
from tests.upstream.anthropic_server import AnthropicServer

LOCAL = "smollm2-135m-instruct"
PIXEL = base64.b64encode(b"\x89PNG, or so").decode()
PAPER = base64.b64encode(b"%PDF-1.7, or so").decode()
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"name": "get_time", "input_schema": {"type": "object", "properties": {"hour": {"type": "integer"}}}}
MESSAGE = TypeAdapter(Message)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


@pytest.fixture(scope="module")
def door() -> Door:
    return opened()


async def say(door: Door, *content: Any, model: str = CLAUDE, **more: Any) -> Answer:
    """A conversation of one turn of the user: its blocks, or one text."""
    turn = content[0] if len(content) == 1 and isinstance(content[0], str) else list(content)
    headers = more.pop("headers", {})
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": turn}], **more}
    return await door.post("/v1/messages", body, **headers)


async def good(door: Door, *content: Any, **more: Any) -> Any:
    """The message that answers, which is one by the types of Anthropic's SDK."""
    answer = await say(door, *content, **more)
    assert answer.status == 200, answer.body
    MESSAGE.validate_python(answer.json)
    return answer.json


async def test_the_local_model_answers_anthropics_clients(door: Door):
    answer = await say(door, "What is the capital of France?", model=LOCAL, temperature=0, max_tokens=20)
    message = MESSAGE.validate_python(answer.json)
    assert "Paris" in message.content[0].text
    assert (message.role, message.type, message.model) == ("assistant", "message", LOCAL)
    assert message.id == f"msg_{answer.headers['request-id']}" == f"msg_{answer.headers['x-request-id']}"
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 5
    assert 0 < message.usage.output_tokens <= 20


async def test_an_answer_that_max_tokens_cuts_off_says_so(door: Door):
    assert (await good(door, "Tell me a story.", model=LOCAL, max_tokens=3, temperature=0))["stop_reason"] == "max_tokens"


async def test_the_system_prompt_is_text_or_blocks_and_is_read_first(door: Door, server: AnthropicServer):
    await good(door, "Hi", system="Be brief.")
    assert server.body["system"] == [{"type": "text", "text": "Be brief."}]
    cached = [{"type": "text", "text": "A long book.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    await good(door, "Hi", system=[{"type": "text", "text": "Be brief."}, *cached])
    assert server.body["system"] == [{"type": "text", "text": "Be brief."}, *cached]


async def test_what_the_role_system_says_goes_to_the_system_prompt_and_that_is_told(door: Door, server: AnthropicServer):
    turns = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be kind."}]
    body = {"model": CLAUDE, "max_tokens": 9, "system": "Be brief.", "messages": turns}
    answer = await door.post("/v1/messages", body)
    assert (answer.status, answer.headers["x-adjusted-parameters"]) == (200, "messages=system-first")
    assert [block["text"] for block in server.body["system"]] == ["Be brief.", "Be kind."]
    assert [turn["role"] for turn in server.body["messages"]] == ["user"]


async def test_everything_that_a_request_can_hold_reaches_anthropic_as_it_was(door: Door, server: AnthropicServer):
    soon, later = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    turns = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?", "cache_control": later},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                    "cache_control": soon,
                },
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PAPER}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
                    "title": "A letter",
                    "cache_control": soon,
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eHg="},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bern", "days": [1, 2.5, None]}},
                {"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {"type": "text", "text": "Rain"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    ],
                    "cache_control": soon,
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [{"type": "text", "text": "No clock"}],
                    "is_error": True,
                },
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    body = {
        "model": CLAUDE,
        "max_tokens": 3000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": soon}],
        "messages": turns,
        "tools": [{**WEATHER, "cache_control": soon}, {**CLOCK, "strict": True}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "high"},
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["\n\nHuman:", "STOP"],
        "metadata": {"user_id": "user-7"},
        "service_tier": "standard_only",
    }
    answer = await door.post("/v1/messages", body)
    assert answer.status == 200, answer.body
    assert "x-ignored-parameters" not in answer.headers
    assert server.body == body
    assert server.asked[-1].headers["anthropic-version"] == "2023-06-01"


async def test_texts_become_blocks_and_neighbours_of_one_role_one_turn(door: Door, server: AnthropicServer):
    turns = [
        {"role": "user", "content": "One"},
        {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": ""}]},
        {"role": "assistant", "content": "Three"},
        {"role": "assistant", "content": ""},
    ]
    assert (await door.post("/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": turns})).status == 200
    assert server.body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Three"}]},
    ]


async def test_tools_are_asked_for_and_their_results_answered(door: Door, server: AnthropicServer):
    asked = await good(door, "How is the weather?", tools=[WEATHER, CLOCK])
    assert asked["stop_reason"] == "tool_use"
    uses = [block for block in asked["content"] if block["type"] == "tool_use"]
    assert [(use["name"], use["input"]) for use in uses] == [("get_weather", {"city": "Paris"}), ("get_time", {"hour": 21})]
    results = [{"type": "tool_result", "tool_use_id": use["id"], "content": "fine"} for use in uses]
    turns = [
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": asked["content"]},
        {"role": "user", "content": results},
    ]
    body = {"model": CLAUDE, "max_tokens": 100, "messages": turns, "tools": [WEATHER, CLOCK]}
    answer = (await door.post("/v1/messages", body)).json
    assert answer["content"][0]["text"] == "toolu_0 gave fine toolu_1 gave fine"


@pytest.mark.parametrize(
    ("choice", "used"),
    [
        ({"type": "any"}, ["get_weather", "get_time"]),
        ({"type": "any", "disable_parallel_tool_use": True}, ["get_weather"]),
        ({"type": "tool", "name": "get_time"}, ["get_time"]),
        ({"type": "none"}, []),
    ],
)
async def test_the_choice_of_a_tool_is_the_callers(door: Door, server: AnthropicServer, choice, used):
    answer = await good(door, "Hi", tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [block["name"] for block in answer["content"] if block["type"] == "tool_use"] == used
    assert server.body["tool_choice"] == choice


async def test_thoughts_come_with_their_signatures_and_go_back_as_they_came(door: Door, server: AnthropicServer):
    answer = await good(door, "Think!", thinking={"type": "adaptive"}, max_tokens=2000)
    assert answer["content"][:2] == [
        {"type": "thinking", "thinking": "Let me think. Done.", "signature": "c2lnbmF0dXJl"},
        {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"},
    ]
    assert answer["usage"]["output_tokens_details"] == {"thinking_tokens": 5}
    assert server.body["thinking"] == {"type": "adaptive"}
    turns = [
        {"role": "user", "content": "Think!"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "Again."},
    ]
    await door.post("/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": turns, "thinking": {"type": "disabled"}})
    assert server.body["messages"][1]["content"][:2] == answer["content"][:2]
    assert server.body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("member", ["output_config", "output_format"])
async def test_an_answer_in_json_fits_its_schema(door: Door, server: AnthropicServer, member):
    form = {"type": "json_schema", "schema": {**WEATHER["input_schema"], "additionalProperties": False}}
    answer = await good(door, "Where?", **{member: {"format": form} if member == "output_config" else form})
    assert answer["content"][0]["text"] == '{"city": "Paris"}'
    assert server.body["output_config"] == {"format": form}


async def test_a_stop_sequence_that_ended_the_answer_is_named(door: Door):
    answer = await good(door, "one two STOP three", stop_sequences=["never", "STOP"])
    assert (answer["content"][0]["text"], answer["stop_reason"], answer["stop_sequence"]) == (
        "one two ",
        "stop_sequence",
        "STOP",
    )


async def test_the_local_model_names_a_stop_sequence_where_it_ended_the_answer(door: Door):
    ended = await good(door, "Say hello.", model=LOCAL, temperature=0, stop_sequences=["never", "e"])
    assert "e" not in ended["content"][0]["text"]
    assert (ended["stop_reason"], ended["stop_sequence"]) == ("stop_sequence", "e")
    cut = await good(door, "Say hello.", model=LOCAL, temperature=0, stop_sequences=["never"], max_tokens=3)
    assert (cut["stop_reason"], cut["stop_sequence"]) == ("max_tokens", None)


async def test_what_was_read_from_the_cache_and_put_there_is_counted_apart(door: Door):
    block = {"type": "text", "text": f"A long book {'word ' * 50}", "cache_control": {"type": "ephemeral"}}
    first, second = (await good(door, block))["usage"], (await good(door, block))["usage"]
    assert first["input_tokens"] == second["input_tokens"] == 1
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 50
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0


async def test_cache_control_of_the_request_is_set_at_the_last_block_that_can_have_it(door: Door, server: AnthropicServer):
    await good(door, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, cache_control={"type": "ephemeral"})
    assert [block.get("cache_control") for block in server.body["messages"][0]["content"]] == [None, {"type": "ephemeral"}]


async def test_a_key_and_a_token_let_in_in_either_header(door: Door):
    from foundation import keys

    _, key = keys.create(door.caller.application, door.caller.client, "sdk")
    body = b'{"model": "smollm2-135m-instruct", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}'
    shown = [{"x_api_key": each} for each in (key, door.token)]
    shown += [{"authorization": f"Bearer {each}"} for each in (key, door.token)]
    for headers in shown:
        assert (
            await ask("POST", "/v1/messages?beta=true", body, None, {**headers, "anthropic_version": "2023-06-01"})
        ).status == 200
    assert (await ask("POST", "/v1/messages", body, None, {"x_api_key": key[:-1]})).status == 401
