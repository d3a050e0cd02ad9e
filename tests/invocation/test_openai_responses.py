"""POST /v1/responses: what the model is asked, and what the client gets."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model
from tests.invocation import unruly
from tests.invocation.door import Answer, Door
from tests.invocation.responded import CLOCK, LOCAL, PAGES, PATH, PIXEL, QUESTION, SCHEMA, WEATHER, answering
from tests.upstream.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


async def asked(door: Door, **body: Any) -> Any:
    """The JSON of a good answer of `responding`."""
    answer = await door.post(PATH, {"model": "responding", "input": QUESTION, **body})
    assert answer.status == 200, answer.body
    return answer.json


def events(answer: Answer) -> list[Any]:
    """The events of a stream: each is named as its data say, and they are numbered from 0 on."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8"), answer.body
    found = []
    for block in answer.body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


async def test_an_answer_of_the_local_model_has_the_form_of_a_response(door: Door):
    answer = await door.post(PATH, {"model": LOCAL, "input": QUESTION, "temperature": 0})
    body = answer.json
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", LOCAL)
    assert body["id"] == f"resp_{answer.headers['x-request-id']}"
    (message,) = body["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    (part,) = message["content"]
    assert (part["type"], part["annotations"]) == ("output_text", [])
    assert "Paris" in part["text"]
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"] > 0
    assert (body["store"], body["error"], body["incomplete_details"]) == (False, None, None)


async def test_a_stream_gives_what_the_whole_answer_gives(door: Door):
    wanted = {"model": LOCAL, "input": QUESTION, "temperature": 0, "max_output_tokens": 5}
    whole = (await door.post(PATH, wanted)).json
    told = events(await door.post(PATH, {**wanted, "stream": True}))
    kinds = [event["type"].removeprefix("response.") for event in told]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "incomplete"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    text = "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")
    last = told[-1]["response"]
    assert text == last["output"][0]["content"][0]["text"] == whole["output"][0]["content"][0]["text"]
    assert (last["status"], last["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert (last["usage"], last["status"]) == (whole["usage"], whole["status"])
    assert [event["item"]["status"] for event in told if "item" in event] == ["in_progress", "incomplete"]


async def test_every_parameter_reaches_the_provider_and_comes_back(door: Door, upstream: OpenAIServer):
    body = await asked(
        door,
        instructions="Be brief.",
        max_output_tokens=50,
        temperature=0,
        top_p=0.5,
        top_logprobs=2,
        tools=[WEATHER, CLOCK],
        tool_choice="none",
        parallel_tool_calls=False,
        text={"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}},
        reasoning={"effort": "low"},
        service_tier="flex",
        metadata={"team": "search"},
        user="u1",
    )
    assert upstream.last == {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}],
        "max_tokens": 50,
        "temperature": 0.0,
        "top_p": 0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "tools": [
            {"type": "function", "function": {key: value for key, value in WEATHER.items() if key != "type"}},
            {
                "type": "function",
                "function": {"name": "clock", "description": "", "parameters": {"type": "object", "properties": {}}},
            },
        ],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
        "reasoning_effort": "low",
        "service_tier": "flex",
        "user": "u1",
    }
    part = body["output"][0]["content"][0]
    assert json.loads(part["text"]) == {"city": "Paris"}
    assert [len(each["top_logprobs"]) for each in part["logprobs"]] == [2]
    assert (body["instructions"], body["metadata"], body["reasoning"]["effort"]) == ("Be brief.", {"team": "search"}, "low")
    assert (body["tools"][0]["name"], body["tool_choice"], body["parallel_tool_calls"]) == ("weather", "none", False)
    assert body["usage"]["input_tokens_details"]["cached_tokens"] == 2


async def test_a_conversation_with_pictures_documents_tools_and_thoughts_reaches_the_provider(
    door: Door, upstream: OpenAIServer
):
    conversation = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": PIXEL, "detail": "low"},
                {"type": "input_file", "file_data": PAGES, "filename": "report.pdf"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": None}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": '{"city":"Bern"}'},
        {"type": "function_call", "call_id": "c2", "name": "clock", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "noon"}, {"type": "input_image", "image_url": PIXEL}],
        },
    ]
    await asked(door, input=conversation, tools=[WEATHER, CLOCK])
    calls = [("c1", "weather", '{"city":"Bern"}'), ("c2", "clock", "{}")]
    assert upstream.last["messages"] == [
        {"role": "system", "content": "Be kind.\n\nBe brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": PIXEL}},
                {"type": "file", "file": {"filename": "report.pdf", "file_data": PAGES}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
                for call, name, arguments in calls
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": "noon"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
    ]


async def test_functions_are_asked_for_whole_and_streamed(door: Door, upstream: OpenAIServer):
    whole = await asked(door, tools=[WEATHER, CLOCK])
    assert [(item["type"], item["name"], item["arguments"]) for item in whole["output"]] == [
        ("function_call", "weather", '{"city": "Paris"}'),
        ("function_call", "clock", "{}"),
    ]
    body = {"model": "responding", "input": QUESTION, "tools": [WEATHER, CLOCK], "stream": True}
    told = events(await door.post(PATH, body))
    pieces: dict[str, str] = {}
    for event in told:
        if event["type"] == "response.function_call_arguments.delta":
            pieces[event["item_id"]] = pieces.get(event["item_id"], "") + event["delta"]
    last = told[-1]["response"]
    assert pieces == {item["id"]: item["arguments"] for item in last["output"]}
    assert [(item["name"], item["call_id"], item["arguments"]) for item in last["output"]] == [
        (item["name"], item["call_id"], item["arguments"]) for item in whole["output"]
    ]
    done = [event["arguments"] for event in told if event["type"] == "response.function_call_arguments.done"]
    assert done == ['{"city": "Paris"}', "{}"]


CHOICES = [
    ("required", "required", ["weather", "clock"]),
    ({"type": "function", "name": "clock"}, {"type": "function", "function": {"name": "clock"}}, ["weather", "clock"]),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "clock"}]},
        "required",
        ["clock"],
    ),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "clock"}]}, "auto", ["clock"]),
]


@pytest.mark.parametrize(("choice", "there", "offered"), CHOICES)
async def test_the_choice_of_tools_reaches_the_provider(
    door: Door, upstream: OpenAIServer, choice: Any, there: Any, offered: Sequence[str]
):
    await asked(door, tools=[WEATHER, CLOCK], tool_choice=choice)
    assert upstream.last["tool_choice"] == there
    assert [tool["function"]["name"] for tool in upstream.last["tools"]] == offered


@pytest.fixture
async def breaking() -> AsyncIterator[str]:
    """The name of a model whose server breaks off in mid-stream."""
    reply = unruly.events(unruly.piece("Hel"), unruly.piece("lo"), {"error": {"message": "out of memory"}})
    async with unruly.serving(reply) as server:
        place = Deployment("there", "openai_compatible", "x", base_url=server.url)
        services.save_model(Model("breaking", "", Kind.TEXT, "", deployments=(place,)))
        yield "breaking"
        services.remove_model("breaking")


async def test_a_stream_that_breaks_off_ends_as_failed_and_never_as_complete(door: Door, breaking: str):
    told = events(await door.post(PATH, {"model": breaking, "input": QUESTION, "stream": True}))
    assert told[-1]["type"] == "response.failed"
    assert told[-1]["response"]["status"] == "failed"
    assert told[-1]["response"]["error"]["code"] == "server_error"
    assert "failed in its answer" in told[-1]["response"]["error"]["message"]
    assert "out of memory" not in f"{told}"  # its own words are for the log
    assert "response.completed" not in {event["type"] for event in told}
