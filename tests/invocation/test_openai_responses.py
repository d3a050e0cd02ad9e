"""POST /v1/responses: what the model is asked, what the client gets, and what is refused in its own words."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from apps.invocation import services
from apps.invocation.dialects.openai.responses import begun, request, response
from apps.invocation.dialects.openai.responses_events import ResponseEvents
from apps.invocation.dialects.openai.responses_shapes import ResponsesRequest
from apps.invocation.folding import Answer as Gathered
from apps.invocation.invocations import (
    Event,
    Finish,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)
from apps.invocation.records import Deployment, Kind, Model, Prices
from tests.invocation import unruly
from tests.invocation.door import Answer, Door
from tests.upstream.openai_server import OpenAIServer, running

PATH = "/v1/responses"
LOCAL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "description": "The weather of a city.", "parameters": SCHEMA, "strict": True}
CLOCK = {"type": "function", "name": "clock"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PAGES = "data:application/pdf;base64,JVBERi0="


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `responding` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model("responding", "", Kind.TEXT, "", prices=Prices(1.0, 2.0), deployments=(place,)))
        yield server
        services.remove_model("responding")


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


REFUSED = [
    ({"store": True}, "store"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"background": True}, "background"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [WEATHER, {"type": "function"}]}, "tools[1].name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": "perhaps"}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "clock"}}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": None}, "input"),
    ({"input": [{"role": "user", "content": ""}]}, "input[0].content"),
    ({"input": [{"role": "judge", "content": "Hi"}]}, "input[0].role"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
    ({"input": [{"type": "computer_call"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]}, "input[0].content[0].file_id"),
    ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]}, "input[0].content[0].file_id"),
    ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///etc/passwd"}]}]},
        "input[0].content[0].image_url",
    ),
    (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_data": PAGES}]}]},
        "input[0].output[0]",
    ),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"metadata": {"a": "x" * 600}}, "metadata"),
]


@pytest.mark.parametrize(("body", "param"), REFUSED)
async def test_what_cannot_be_done_is_refused_by_name(door: Door, upstream: OpenAIServer, body: Any, param: str):
    before = len(upstream.asked)
    answer = await door.post(PATH, {"model": "responding", "input": QUESTION, **body})
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert param in error["message"]
    assert len(upstream.asked) == before


async def test_what_the_local_model_cannot_do_is_refused_in_the_words_of_the_dialect(door: Door):
    picture = [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]
    for body, param in (({"input": picture}, "input_image"), ({"tools": [WEATHER]}, "tools")):
        answer = await door.post(PATH, {"model": LOCAL, "input": QUESTION, **body})
        assert (answer.status, answer.json["error"]["param"]) == (400, param)


async def test_what_changes_nothing_is_reported(door: Door):
    body = {"text": {"verbosity": "low"}, "reasoning": {"summary": "auto"}, "prompt_cache_key": "k", "max_output_tokens": 2}
    body["include"] = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    answer = await door.post(PATH, {"model": LOCAL, "input": QUESTION, "store": False, "truncation": "disabled", **body})
    assert answer.status == 200
    ignored = answer.headers["x-ignored-parameters"].split(",")
    assert {"include", "text.verbosity", "reasoning.summary"} <= {*ignored}


async def test_an_unknown_model_is_not_found(door: Door):
    answer = await door.post(PATH, {"model": "nothing", "input": QUESTION})
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")


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
    assert "out of memory" in told[-1]["response"]["error"]["message"]
    assert "response.completed" not in {event["type"] for event in told}


USAGE = Usage(20, 10, 8, 2, 4)
STREAMS: dict[str, list[Event]] = {
    "thoughts, text, functions": [
        ThinkingDelta("So"),
        ThinkingDelta("."),
        ThinkingDelta("", "sig"),
        ThinkingDelta("", redacted="secret"),
        TextDelta("Hel"),
        TextDelta("lo"),
        ToolStart(0, "c1", "weather"),
        ToolStart(1, "c2", "clock"),
        ToolDelta(0, '{"city":'),
        ToolDelta(0, '"Bern"}'),
        Finish(USAGE, StopReason.TOOLS),
    ],
    "thoughts without a signature": [ThinkingDelta("So."), TextDelta("Hello"), Finish(USAGE, StopReason.END)],
    "likelihoods": [
        TextDelta("Hi", ({"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": []},)),
        TextDelta(".", ({"token": ".", "logprob": -0.1, "bytes": [46], "top_logprobs": []},)),
        Finish(USAGE, StopReason.END),
    ],
    "cut off in a function": [
        ToolStart(0, "c1", "weather"),
        ToolDelta(0, "{}"),
        ToolStart(1, "c2", "clock"),
        Finish(USAGE, StopReason.LENGTH),
    ],
    "nothing": [Finish(USAGE, StopReason.END)],
    "filtered": [TextDelta("I"), Finish(USAGE, StopReason.FILTERED)],
    "two texts": [
        TextDelta("a"),
        ThinkingDelta("b"),
        TextDelta("c"),
        Finish(USAGE, StopReason.LENGTH),
    ],
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_the_last_event_of_a_stream_is_the_whole_answer(stream: list[Event]):
    beginning = begun(ResponsesRequest("m", "Hi"), "1", 1, "m")
    events, gathered = ResponseEvents(beginning), Gathered()
    told = []
    for event in stream:
        told += [json.loads(line[6:]) for line in events.write(event).decode().splitlines() if line.startswith("data: ")]
        gathered.add(event)
    whole = response(beginning, gathered.completion())
    last = told[-1]["response"]
    assert last == json.loads(msgspec.json.encode(whole))
    begun_items = [event["output_index"] for event in told if event["type"] == "response.output_item.added"]
    ended = {event["output_index"]: event["item"] for event in told if event["type"] == "response.output_item.done"}
    assert begun_items == list(range(len(last["output"])))
    assert [ended[place] for place in begun_items] == last["output"]
    assert last["usage"]["output_tokens_details"] == {"reasoning_tokens": 4}
    assert last["usage"]["input_tokens_details"] == {"cached_tokens": 8, "cache_write_tokens": 2}


def test_thoughts_that_are_given_back_are_what_they_were():
    gathered = Gathered()
    for event in STREAMS["thoughts, text, functions"]:
        gathered.add(event)
    answer = gathered.completion()
    given = msgspec.to_builtins(response(begun(ResponsesRequest("m", "Hi"), "1", 1, "m"), answer))["output"]
    wanted = msgspec.convert({"model": "m", "input": [{"role": "user", "content": "Hi"}, *given]}, ResponsesRequest)
    assert request(wanted).messages[1].content == answer.content
    assert {type(part) for part in answer.content} >= {Thinking, Text}
