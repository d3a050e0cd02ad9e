"""OpenAI's dialect in front of Anthropic's API: thoughts, tools, schemas, pictures and cache points pass through both ways."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door
from tests.upstream.anthropic_server import AnthropicServer

CHAT = "/v1/chat/completions"
THINKING = {"type": "enabled", "budget_tokens": 1024}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BLOCKS = [
    {"type": "thinking", "thinking": "Let me think. Done.", "signature": "c2lnbmF0dXJl"},
    {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"},
]


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


async def asked(door: Door, turns: Any, **more: Any) -> Answer:
    answer = await door.post(CHAT, {"model": CLAUDE, "messages": turns, "max_tokens": 2000, **more})
    assert answer.status == 200, answer.body
    return answer


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def deltas(answer: Answer) -> list[Any]:
    """What each chunk of a stream adds."""
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]


async def test_thoughts_come_as_text_and_as_blocks_that_can_be_given_back(door: Door, server: AnthropicServer):
    answer = await asked(door, [user("Hi")], thinking=THINKING)
    message = answer.json["choices"][0]["message"]
    assert message["reasoning_content"] == "Let me think. Done."
    assert message["thinking_blocks"] == BLOCKS
    assert message["content"] == "Hi"
    assert server.body["thinking"] == THINKING
    await asked(door, [user("Hi"), message, user("Go on")], thinking=THINKING)
    assert server.body["messages"][1]["content"] == [*BLOCKS, {"type": "text", "text": "Hi"}]


async def test_streamed_thoughts_are_the_same(door: Door, server: AnthropicServer):
    told = deltas(await asked(door, [user("Hi")], thinking=THINKING, stream=True))
    assert "".join(delta.get("reasoning_content", "") for delta in told) == "Let me think. Done."
    blocks = [block for delta in told for block in delta.get("thinking_blocks", ())]
    assert [block.pop("index") for block in blocks] == [0, 1]
    assert blocks == BLOCKS
    assert "".join(delta.get("content") or "" for delta in told) == "Hi"


async def test_thoughts_without_a_signature_are_not_given_back_as_if_they_had_one(door: Door, server: AnthropicServer):
    turn = {"role": "assistant", "content": "Hello.", "reasoning_content": "They greet me."}
    await asked(door, [user("Hi"), turn, user("Go on")])
    assert server.body["messages"][1]["content"] == [{"type": "text", "text": "Hello."}]


async def test_tools_are_used_and_their_results_are_read(door: Door, server: AnthropicServer):
    first = await asked(door, [user("Hi")], tools=[WEATHER], tool_choice="required", parallel_tool_calls=False)
    (choice,) = first.json["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], call["function"]["name"]) == ("tool_calls", "weather")
    assert json.loads(call["function"]["arguments"]).keys() == {"city"}
    assert server.body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert server.body["tools"][0]["input_schema"] == WEATHER["function"]["parameters"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "Sunny."}
    then = await asked(door, [user("Hi"), choice["message"], result], tools=[WEATHER])
    assert then.json["choices"][0]["finish_reason"] == "stop"
    given = server.body["messages"][2]["content"][0]
    assert (given["type"], given["tool_use_id"]) == ("tool_result", call["id"])


async def test_a_schema_is_kept_to(door: Door, server: AnthropicServer):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    answer = await asked(door, [user("Hi")], response_format=form)
    assert json.loads(answer.json["choices"][0]["message"]["content"]).keys() == {"city"}
    assert server.body["output_config"]["format"] == {"type": "json_schema", "schema": schema}


async def test_pictures_documents_and_cache_points_pass_through(door: Door, server: AnthropicServer):
    content = [
        {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    answer = await asked(door, [user(content)], stop=["END"], user="somebody")
    text, image, document = server.body["messages"][0]["content"]
    assert text["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert image["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert (document["source"]["media_type"], document["title"]) == ("application/pdf", "plan.pdf")
    assert server.body["stop_sequences"] == ["END"]
    assert server.body["metadata"] == {"user_id": "somebody"}
    assert "x-ignored-parameters" not in answer.headers


@pytest.mark.parametrize("kind", ["claude-error-later", "claude-cut"])
async def test_a_stream_that_breaks_off_says_so_and_never_looks_complete(door: Door, server: AnthropicServer, kind):
    answer = await door.post(CHAT, {"model": kind, "messages": [user("Hi " * 20)], "stream": True})
    *told, last = [json.loads(line.removeprefix("data: ")) for line in answer.body.decode().split("\n\n") if line]
    assert told
    assert {choice["finish_reason"] for chunk in told for choice in chunk["choices"]} == {None}
    assert last["error"]["type"] == "server_error"
    assert b"[DONE]" not in answer.body


@pytest.mark.parametrize(
    "said",
    [
        {"content": [{"type": "reasoning_text", "text": "They greet me."}]},
        {"content": [], "summary": [{"type": "summary_text", "text": "They greet me."}]},
        {"content": "They greet me."},
    ],
)
async def test_a_thought_is_given_back_from_wherever_its_item_has_it(door: Door, server: AnthropicServer, said):
    thought = {"type": "reasoning", "id": "rs_1", "encrypted_content": "signed:c2ln", **said}
    turns = [user("Hi"), thought, {"role": "assistant", "content": "Hello."}, user("Go on")]
    answer = await door.post("/v1/responses", {"model": CLAUDE, "input": turns, "max_output_tokens": 2000})
    assert answer.status == 200, answer.body
    assert server.body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "They greet me.", "signature": "c2ln"},
        {"type": "text", "text": "Hello."},
    ]
