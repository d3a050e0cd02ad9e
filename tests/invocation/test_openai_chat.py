"""POST /v1/chat/completions: what the model is asked, and what the client gets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model
from foundation import keys
from tests.invocation import unruly
from tests.invocation.chats import CHAT, CLOCK, LOCAL, PIXEL, QUESTION, accounted, answering, asked, chunks
from tests.invocation.door import Answer, Door, ask
from tests.upstream.openai_server import OpenAIServer

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


def deltas(answer: Answer) -> list[Any]:
    """What each chunk of a stream adds."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(answer) if chunk["choices"]]


async def test_an_answer_of_the_local_model_has_openais_form(door: Door):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "temperature": 0})
    body = answer.json
    assert (body["object"], body["model"], body["id"]) == (
        "chat.completion",
        LOCAL,
        f"chatcmpl-{answer.headers['x-request-id']}",
    )
    (choice,) = body["choices"]
    assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
    assert (choice["index"], choice["logprobs"], choice["finish_reason"]) == (0, None, "stop")
    assert choice["message"].keys() == {"role", "content", "refusal"}
    assert "Paris" in choice["message"]["content"]
    counted = body["usage"]
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"] > 0
    assert answer.headers["x-served-by"] == LOCAL


async def test_a_stream_gives_what_the_whole_answer_gives_and_costs_the_same(door: Door):
    wanted = {"model": LOCAL, "messages": QUESTION, "temperature": 0, "max_completion_tokens": 6}
    whole = await door.post(CHAT, wanted)
    stream = await door.post(CHAT, {**wanted, "stream": True, "stream_options": {"include_usage": True}})
    *told, last = chunks(stream)
    assert told[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(delta.get("content") or "" for delta in deltas(stream))
    assert text == whole.json["choices"][0]["message"]["content"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * (len(told) - 1) + ["length"]
    assert all(chunk["usage"] is None for chunk in told)
    assert (last["choices"], last["usage"]) == ([], whole.json["usage"])
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in (*told, last)}) == 1
    rows = await accounted(door, whole, stream)
    assert len({(row.input_tokens, row.output_tokens, row.cost, row.outcome, row.dialect) for row in rows}) == 1
    assert [row.streamed for row in rows] == [False, True]


async def test_without_include_usage_no_chunk_tells_tokens(door: Door):
    stream = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "max_tokens": 2, "stream": True})
    assert all("usage" not in chunk for chunk in chunks(stream))


async def test_every_parameter_reaches_the_provider_as_it_was_said(door: Door, upstream: OpenAIServer):
    said = {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 50,
        "stop": ["END", "STOP"],
        "seed": 7,
        "frequency_penalty": -0.5,
        "presence_penalty": 1,
        "logprobs": True,
        "top_logprobs": 3,
        "tools": [WEATHER],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "service_tier": "flex",
        "user": "somebody",
    }
    await asked(door, said)
    assert upstream.last == {"model": "gpt-4o", "messages": QUESTION, **said}


async def test_every_turn_stays_where_and_as_it_is_said(door: Door, upstream: OpenAIServer):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
        {"role": "system", "content": "Be honest."},
        {"role": "assistant", "content": "Well,"},
        {"role": "assistant", "content": "I am"},
    ]
    await asked(door, {"messages": turns})
    assert upstream.last["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "user", "content": "Hello."},
        {"role": "user", "content": "How are you?"},
        {"role": "system", "content": "Be honest."},
        {"role": "assistant", "content": "Well,"},
        {"role": "assistant", "content": "I am"},
    ]


async def test_an_application_that_speaks_alone_is_answered(door: Door, upstream: OpenAIServer):
    await asked(door, {"messages": [{"role": "system", "content": "Say hello."}]})
    assert upstream.last["messages"] == [{"role": "user", "content": "Say hello."}]


async def test_tools_are_asked_for_and_their_results_are_given_back(door: Door, upstream: OpenAIServer):
    first = await asked(door, {"tools": [WEATHER, CLOCK]})
    (choice,) = first["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    calls = choice["message"]["tool_calls"]
    assert [(call["type"], call["function"]["name"]) for call in calls] == [("function", "weather"), ("function", "clock")]
    assert json.loads(calls[0]["function"]["arguments"]) == {"city": "Paris"}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": f"result {call['id']}"} for call in calls]
    then = await asked(door, {"tools": [WEATHER, CLOCK], "messages": [*QUESTION, choice["message"], *results]})
    assert then["choices"][0]["message"]["content"] == "The tool says: result call_1"
    assert upstream.last["messages"][1]["tool_calls"] == calls
    assert upstream.last["messages"][2:] == results


async def test_streamed_tool_calls_come_in_pieces_by_their_index(door: Door, upstream: OpenAIServer):
    stream = await door.post(
        CHAT, {"model": "upstream", "messages": QUESTION, "stream": True, "tools": [WEATHER, {**CLOCK, "type": "function"}]}
    )
    assert chunks(stream)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    pieces = [piece for delta in deltas(stream) for piece in delta.get("tool_calls", ())]
    begun = [piece for piece in pieces if "id" in piece]
    assert [(each["index"], each["type"], each["function"]["name"]) for each in begun] == [
        (0, "function", "weather"),
        (1, "function", "clock"),
    ]
    arguments = ["".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == index) for index in (0, 1)]
    assert [json.loads(each) for each in arguments] == [{"city": "Paris"}, {}]
    assert len(pieces) > len(begun)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "clock"}}, {"type": "function", "function": {"name": "clock"}}),
    ],
)
async def test_a_tool_can_be_demanded(door: Door, upstream: OpenAIServer, choice, told):
    await asked(door, {"tools": [WEATHER, CLOCK], "tool_choice": choice})
    assert upstream.last["tool_choice"] == told


async def test_an_answer_keeps_to_a_schema(door: Door, upstream: OpenAIServer):
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    answer = await asked(door, {"response_format": form})
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"city": "Paris", "people": 7}
    assert upstream.last["response_format"] == form


async def test_pictures_and_documents_reach_the_provider(door: Door, upstream: OpenAIServer):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
        {"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    await asked(door, {"messages": [{"role": "user", "content": content}]})
    assert upstream.last["messages"][0]["content"] == [
        content[0],
        {"type": "image_url", "image_url": {"url": PIXEL}},
        content[2],
        content[3],
    ]


async def test_logprobs_come_whole_and_streamed(door: Door, upstream: OpenAIServer):
    wanted = {"logprobs": True, "top_logprobs": 2}
    whole = (await asked(door, wanted))["choices"][0]["logprobs"]
    assert whole["refusal"] is None
    assert [each["token"] for each in whole["content"]][:2] == ["You", "said:"]
    assert len(whole["content"][0]["top_logprobs"]) == 2
    stream = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **wanted, "stream": True})
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks(stream)]
    assert [each for part in told if part for each in part["content"]] == whole["content"]


async def test_cached_tokens_are_told_and_cost_less(door: Door, upstream: OpenAIServer):
    turns = [{"role": "system", "content": "one two three four"}, *QUESTION]
    answer = await door.post(CHAT, {"model": "upstream", "messages": turns})
    counted = answer.json["usage"]
    assert counted["prompt_tokens_details"]["cached_tokens"] == 4
    (row,) = await accounted(door, answer)
    assert row.cached_tokens == 4
    assert row.cost == (counted["prompt_tokens"] - 4) * 1 + 4 * 0.5 + counted["completion_tokens"] * 2


async def test_labels_prompt_and_trace_are_on_the_account(door: Door):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1, "metadata": {"team": "search"}}
    answer = await door.post(CHAT, body, x_labels="stage=test, note=a=b", x_prompt="greeting@3", traceparent=trace)
    (row,) = await accounted(door, answer)
    assert row.labels == {"team": "search", "stage": "test", "note": "a=b"}
    assert (row.prompt, row.trace) == ("greeting 3", trace)


async def test_an_api_key_does_as_a_bearer_and_as_x_api_key(door: Door):
    _, key = keys.create(door.caller.application, door.caller.client, "for tests")
    body = json.dumps({"model": LOCAL, "messages": QUESTION, "max_tokens": 1}).encode()
    for headers in ({"authorization": f"Bearer {key}"}, {"x_api_key": key}):
        answer = await ask("POST", CHAT, body, None, headers)
        assert answer.status == 200, answer.body


async def test_a_stream_that_fails_says_so_and_never_looks_complete(door: Door):
    async with unruly.serving(unruly.events(unruly.piece("Hel"), {"error": {"message": "out of memory"}})) as server:
        place = Deployment("unruly", "openai_compatible", "m", base_url=server.url)
        services.save_model(Model("unruly", "", Kind.TEXT, "", deployments=(place,)))
        answer = await door.post(CHAT, {"model": "unruly", "messages": QUESTION, "stream": True})
        services.remove_model("unruly")
    assert answer.status == 200
    *told, last = [json.loads(line.removeprefix("data: ")) for line in answer.body.decode().split("\n\n") if line]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, None]
    assert last["error"]["type"] == "server_error"
    assert "failed in its answer" in last["error"]["message"]
    assert "out of memory" not in f"{last}"  # its own words are for the log
    assert b"[DONE]" not in answer.body
    (row,) = await accounted(door, answer)
    assert (row.outcome, row.streamed) == ("upstream_failed", True)
