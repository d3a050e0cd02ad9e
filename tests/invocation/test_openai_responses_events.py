"""The events of a response: together they are the whole answer, and thoughts come back as they were."""

import json

import msgspec
import pytest

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
