"""What OpenAI-compatible servers answer, whole and streamed, as OpenAI does it and as those do who imitate it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from apps.invocation.adapters.openai.provider import OpenAICompatible
from apps.invocation.folding import complete
from apps.invocation.invocations import Completion, Message, Request, Role, StopReason, Text, Thinking, ToolUse, Usage
from foundation.errors import InvalidValue, UpstreamFailed
from tests.invocation.unruly import events, reply, serving

ASKED = Request("m", (Message(Role.USER, (Text("Hi there"),)),), stop=("END",), logprobs=1)
LIKELIHOODS = [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]


async def streamed(*deltas: Any, reason: str = "stop", usage: Any = None, **choice: Any) -> Completion:
    """The answer that comes in these deltas."""
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason, **choice}]}
    async with serving(events(*chunks, end, *([{"choices": [], "usage": usage}] if usage else []))) as server:
        return await complete(OpenAICompatible(server.url).stream(ASKED))


async def whole(message: Any, reason: str = "stop", usage: Any = None, **choice: Any) -> Completion:
    """The answer that is this message."""
    body = {"choices": [{"index": 0, "message": message, "finish_reason": reason, **choice}], "usage": usage}
    async with serving(reply(200, body)) as server:
        return await OpenAICompatible(server.url).complete(ASKED)


def called(number: int | None, identifier: str | None, name: str | None, arguments: Any) -> Any:
    """A tool call, or a piece of one, of which only what is not None is said."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    said = (("index", number), ("id", identifier), ("function", function))
    return {"tool_calls": [{key: value for key, value in said if value is not None}]}


async def test_the_same_answer_is_the_same_whole_and_streamed():
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    }
    call = called(None, "c1", "weather", '{"city":"Bern"}')
    first = await whole({"content": "Hello", "reasoning_content": "So.", **call}, "tool_calls", usage)
    second = await streamed(
        {"role": "assistant", "content": ""},
        {"reasoning_content": "S"},
        {"reasoning_content": "o."},
        {"content": "Hel"},
        {"content": "lo"},
        called(0, "c1", "weather", ""),
        called(0, None, None, '{"city":'),
        called(0, None, None, '"Bern"}'),
        reason="tool_calls",
        usage=usage,
    )
    assert first == second
    assert first.content == (Thinking("So."), Text("Hello"), ToolUse("c1", "weather", '{"city":"Bern"}'))
    assert (first.usage, first.reason) == (Usage(20, 10, 8, 0, 4), StopReason.TOOLS)


TWO = (ToolUse("a", "weather", '{"city":"Bern"}'), ToolUse("b", "time", "{}"))
CALLS = {
    "by index": [called(0, "a", "weather", '{"city"'), called(1, "b", "time", ""), called(0, None, None, ':"Bern"}')],
    "whole, each in a chunk, as Ollama's": [called(0, "a", "weather", '{"city":"Bern"}'), called(1, "b", "time", "{}")],
    "all of index 0, as Gemini's": [called(0, "a", "weather", '{"city":"Bern"}'), called(0, "b", "time", "{}")],
    "without an index": [
        called(None, "a", "weather", '{"city"'),
        called(None, "a", None, ':"Bern"}'),
        called(None, "b", "time", "{}"),
    ],
    "without index or id after the first": [
        called(None, "a", "weather", '{"city"'),
        called(None, None, None, ':"Bern"}'),
        called(None, "b", "time", "{}"),
    ],
    "with its name again and again": [
        called(0, "a", "weather", '{"city"'),
        called(0, "a", "weather", ':"Bern"}'),
        called(1, "b", "time", "{}"),
    ],
    "numbered from 1": [called(1, "a", "weather", '{"city":"Bern"}'), called(2, "b", "time", "{}")],
    "with objects as arguments": [called(0, "a", "weather", {"city": "Bern"}), called(1, "b", "time", {})],
}


@pytest.mark.parametrize("pieces", CALLS.values(), ids=CALLS)
async def test_tool_calls_are_told_apart_however_they_are_numbered(pieces: Sequence[Any]):
    answer = await streamed(*pieces, reason="tool_calls")
    assert answer.content == TWO


async def test_tools_without_ids_get_one_each():
    calls = [*called(None, None, "time", "{}")["tool_calls"], *called(None, None, "time", "{}")["tool_calls"]]
    answer = await whole({"tool_calls": calls}, "tool_calls")
    identifiers = {part.id for part in answer.content if isinstance(part, ToolUse)}
    assert len(identifiers) == 2
    assert all(identifiers)


async def test_the_input_of_a_tool_that_was_not_named_is_a_failure():
    with pytest.raises(UpstreamFailed, match="not named"):
        await streamed(called(0, None, None, "{}"), reason="tool_calls")


@pytest.mark.parametrize(
    ("said", "choice", "reason", "stop"),
    [
        ("stop", {}, StopReason.END, None),
        ("eos", {}, StopReason.END, None),
        ("length", {}, StopReason.LENGTH, None),
        ("content_filter", {}, StopReason.FILTERED, None),
        ("stop", {"stop_reason": "END"}, StopReason.STOP, "END"),
        ("stop", {"stop_reason": 128009}, StopReason.END, None),
    ],
)
async def test_the_reason_of_the_end_is_known(said: str, choice: Any, reason: StopReason, stop: str | None):
    for answer in (await streamed({"content": "Hi"}, reason=said, **choice), await whole({"content": "Hi"}, said, **choice)):
        assert (answer.reason, answer.stop) == (reason, stop)


async def test_a_tool_that_was_forced_ends_the_answer_though_the_server_says_stop():
    answer = await whole({"content": None, **called(None, "a", "time", "{}")}, "stop")
    assert answer.reason is StopReason.TOOLS


async def test_a_refusal_is_text_and_the_answer_is_filtered():
    for answer in (
        await whole({"content": None, "refusal": "I won't."}),
        await streamed({"refusal": "I w"}, {"refusal": "on't."}),
    ):
        assert (answer.text, answer.reason) == ("I won't.", StopReason.FILTERED)


@pytest.mark.parametrize("broken", ["error", "abort"])
async def test_an_answer_that_says_it_broke_off_is_a_failure(broken: str):
    with pytest.raises(UpstreamFailed):
        await whole({"content": "Hi"}, broken)
    with pytest.raises(UpstreamFailed):
        await streamed({"content": "Hi"}, reason=broken)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi", "reasoning": "So."},
        {"content": "Hi", "reasoning_content": "So."},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "So."}]}, {"type": "text", "text": "Hi"}]},
    ],
    ids=["OpenRouter, Ollama", "DeepSeek, vLLM", "Mistral"],
)
async def test_thoughts_are_told_from_the_answer(message: Any):
    for answer in (await whole(message), await streamed(message)):
        assert answer.content == (Thinking("So."), Text("Hi"))


async def test_likelihoods_come_with_their_text():
    logprobs = {"content": LIKELIHOODS, "refusal": None}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": logprobs, "finish_reason": "stop"}]}
    async with serving(events(chunk)) as server:
        answer = await complete(OpenAICompatible(server.url).stream(ASKED))
    assert answer.logprobs == (await whole({"content": "Hi"}, logprobs=logprobs)).logprobs == tuple(LIKELIHOODS)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, Usage(2, 1, estimated=True)),
        ({"prompt_tokens": 7}, Usage(7, 1, estimated=True)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(7, 3)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "prompt_cache_hit_tokens": 5}, Usage(7, 3, 5)),
        ({"prompt_tokens": 7, "completion_tokens": -3, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(7, 0, 7)),
        (
            {
                "prompt_tokens": 7,
                "completion_tokens": 3,
                "total_tokens": 110,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(7, 103, 0, 0, 100),
        ),
    ],
    ids=["none", "half", "OpenAI", "DeepSeek", "nonsense", "xAI, whose thoughts are in the total alone"],
)
async def test_tokens_are_counted_whatever_the_server_says_of_them(usage: Any, counted: Usage):
    assert (await whole({"content": "Hi"}, usage=usage)).usage == counted
    assert (await streamed({"content": "Hi"}, usage=usage)).usage == counted


async def test_usage_that_grows_with_every_chunk_counts_once():
    chunks = [
        {"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 7, "completion_tokens": number}}
        for number in (1, 2)
    ]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    async with serving(events(*chunks, end)) as server:
        assert (await complete(OpenAICompatible(server.url).stream(ASKED))).usage == Usage(7, 3)


@pytest.mark.parametrize(
    "stream",
    [
        b": comment\n\nevent: message\nid: 1\ndata: %b\n\ndata: %b\n\ndata: [DONE]\n\n",
        b"data:%b\r\n\r\ndata:%b\r\n\r\ndata: [DONE]\r\n\r\n",
        b"data: %b\n\ndata: %b\n",
        b"data: %b\n\ndata: %b",
    ],
    ids=["other lines", "CR LF, no space", "no DONE, no blank line", "no line end"],
)
async def test_every_form_of_server_sent_events_is_read(stream: bytes):
    first = {"choices": [{"delta": {"content": "Hi"}}]}
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    body = stream % (json.dumps(first, indent=1).replace("\n", "\ndata: ").encode(), json.dumps(last).encode())
    async with serving(events(end=body)) as server:
        assert (await complete(OpenAICompatible(server.url).stream(ASKED))).text == "Hi"


async def test_vectors_of_other_dimensions_than_those_asked_for_are_invalid():
    async with serving(reply(200, {"data": [{"embedding": [1.0, 0.0]}]})) as server:
        with pytest.raises(InvalidValue, match="2 dimensions, not of 3") as wrong:
            await OpenAICompatible(server.url).embed("e", ["a"], 3)
    assert wrong.value.param == "dimensions"
    assert server.asked[0]["body"] == {"model": "e", "input": ["a"], "encoding_format": "float", "dimensions": 3}
