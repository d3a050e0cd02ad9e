"""Anthropic's API as a provider: what it is asked, and what is made of all that it may answer."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from apps.invocation.adapters import provider
from apps.invocation.adapters.anthropic.provider import AnthropicApi
from apps.invocation.folding import complete
from apps.invocation.invocations import (
    Completion,
    Document,
    Message,
    OutputFormat,
    Part,
    Request,
    Role,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolChoice,
    ToolUse,
    Usage,
)
from apps.invocation.ports import Connection
from foundation.adapters import secrets
from foundation.errors import (
    Invalid,
    Unavailable,
)
from tests.invocation.unruly import Unruly, reply, serving
from tests.upstream.anthropic_server import KEY
from tests.upstream.anthropic_server import serving as anthropics

START = {"type": "message_start", "message": {"type": "message", "usage": {"input_tokens": 7, "output_tokens": 1}}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
STOP = {"type": "message_stop"}
TOOL = Tool("look", "Looks.", {"properties": {}})


def asking(*content: Part, **more: Any) -> Request:
    return Request("claude", (Message(Role.USER, content or (Text("Hi there"),)),), **more)


def streamed(*events: Any) -> bytes:
    """Anthropic's events, until the connection ends."""
    lines = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}  \n\n".encode() for event in events)
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + lines


def block(index: int, begins: Mapping[str, Any], *deltas: Mapping[str, Any]) -> Sequence[Any]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begins},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(text: str) -> Sequence[Any]:
    return block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})


def api(server: Unruly) -> AnthropicApi:
    return AnthropicApi(server.url.removesuffix("/v1"), "a key", "THE_KEY")


async def answered(answer: bytes, request: Request | None = None) -> Completion:
    """What is made of a streamed answer."""
    async with serving(answer) as server:
        return await complete(api(server).stream(request or asking()))


async def told(request: Request) -> Any:
    """The body that a request is sent as, once a server that checks it by the types of Anthropic's SDK has taken it."""
    with anthropics() as server:
        await AnthropicApi(server.url, KEY).complete(request)
        return server.body


@pytest.mark.parametrize(
    ("more", "members"),
    [
        ({}, {"max_tokens": 4096}),
        ({"thinking_tokens": 2000}, {"max_tokens": 6096, "thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ({"effort": "minimal"}, {"output_config": {"effort": "low"}}),
        ({"effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            {"effort": "xhigh", "thinking_mode": "adaptive"},
            {"output_config": {"effort": "xhigh"}, "thinking": {"type": "adaptive"}},
        ),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        (
            {"tools": (TOOL,), "parallel_tools": True},
            {"tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}]},
        ),
        ({"tools": (TOOL,), "parallel_tools": False}, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ({"tools": (TOOL,), "tool_choice": ToolChoice("none"), "parallel_tools": False}, {"tool_choice": {"type": "none"}}),
        (
            {"temperature": 0.0, "system": (Text(""), Text("Be brief."))},
            {"temperature": 0.0, "system": [{"type": "text", "text": "Be brief."}]},
        ),
    ],
)
async def test_each_field_has_its_place(more, members):
    body = await told(asking(**more))
    assert {name: body[name] for name in members} == members


async def test_any_json_object_is_the_input_of_a_tool_that_the_model_must_use():
    request = asking(output=OutputFormat())
    with anthropics() as server:
        whole = await AnthropicApi(server.url, KEY).complete(request)
        events = [event async for event in AnthropicApi(server.url, KEY).stream(request)]
        assert server.body["tool_choice"] == {"type": "tool", "name": "answer", "disable_parallel_tool_use": True}
    assert (whole.content, whole.reason) == ((Text("{}"),), StopReason.END)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "{}"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (asking(output=OutputFormat(), tools=(TOOL,)), "schema"),
        (asking(output=OutputFormat(), thinking_mode="adaptive"), "schema"),
        (asking(service_tier="flex"), "service_tier"),
        (asking(Document("text/csv", "YQ==", "numbers")), "text/csv"),
        (asking(Document("text/plain", base64.b64encode(b"\xff").decode(), "letter")), "letter"),
        (asking(ToolUse("1", "look", "[1]")), "look"),
        (asking(ToolUse("1", "look", "{not json")), "look"),
    ],
)
async def test_what_anthropic_could_not_take_is_invalid_and_not_asked(request_: Request, named: str):
    async with serving(reply(500, {})) as server:
        with pytest.raises(Invalid, match=named):
            await api(server).complete(request_)
        assert server.asked == []


async def test_a_signature_that_comes_in_pieces_is_one():
    deltas = [{"type": "thinking_delta", "thinking": "Hm"}, *({"type": "signature_delta", "signature": each} for each in "ab")]
    begins = {"type": "thinking", "thinking": "", "signature": ""}
    second = block(1, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "c"})
    answer = await answered(streamed(START, *block(0, begins, *deltas), *second, END, STOP))
    assert answer.content == (Thinking("Hm", "ab"), Thinking("", "c"))


async def test_what_a_block_begins_with_counts_and_what_nobody_asked_for_does_not():
    blocks = [
        *block(
            0,
            {"type": "text", "text": "Hel"},
            {"type": "text_delta", "text": "lo"},
            {"type": "citations_delta", "citation": {}},
        ),
        *block(1, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        {"type": "of_tomorrow"},
        {"type": "ping"},
    ]
    answer = await answered(streamed(START, *blocks, END, STOP))
    assert answer.content == (Text("Hello"),)


async def test_a_tool_that_takes_nothing_gets_an_empty_object():
    blocks = block(
        0, {"type": "tool_use", "id": "t", "name": "look", "input": {}}, {"type": "input_json_delta", "partial_json": ""}
    )
    end = {**END, "delta": {"stop_reason": "tool_use"}}
    answer = await answered(streamed(START, *blocks, end, STOP))
    assert (answer.content, answer.reason) == ((ToolUse("t", "look", "{}"),), StopReason.TOOLS)


async def test_counts_are_those_so_far_and_the_cache_is_part_of_what_was_read():
    first = {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1}
    start = {"type": "message_start", "message": {"type": "message", "usage": first}}
    halfway = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}}
    last = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 2}}
    answer = await answered(streamed(start, *said("Hi"), halfway, {**END, "usage": last}, STOP))
    assert answer.usage == Usage(113, 9, cached_tokens=100, cache_written_tokens=10, reasoning_tokens=2)


async def test_what_is_not_counted_is_estimated():
    start, end = {"type": "message_start", "message": {"type": "message"}}, {**END, "usage": None}
    assert (await answered(streamed(start, *said("Hello"), end, STOP))).usage == Usage(2, 2, estimated=True)


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("end_turn", StopReason.END),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("stop_sequence", StopReason.STOP),
        ("refusal", StopReason.FILTERED),
        ("of_tomorrow", StopReason.END),
    ],
)
async def test_every_reason_to_stop_has_its_own(reason, wanted):
    end = {**END, "delta": {"stop_reason": reason, "stop_sequence": "x" if reason == "stop_sequence" else None}}
    answer = await answered(streamed(START, *said("Hi"), end, STOP))
    assert (answer.reason, answer.stop) == (wanted, "x" if reason == "stop_sequence" else None)


async def test_a_server_that_answers_a_stream_with_a_whole_message_is_understood():
    message = {"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    assert (await answered(reply(200, message))).text == "Hi"


async def test_it_makes_no_embeddings_and_ranks_nothing():
    for work in (
        AnthropicApi("http://127.0.0.1:9").embed("x", ["a"]),
        AnthropicApi("http://127.0.0.1:9").rerank("x", "a", ["b"]),
    ):
        with pytest.raises(Invalid):
            await work


def test_a_server_of_its_own_gets_its_own_key_or_none():
    secrets.put("another_key", "sk-another")
    named = provider(Connection("anthropic", "http://127.0.0.1:9", key="another_key"))
    alone = provider(Connection("anthropic", "http://127.0.0.1:9"))
    anthropic = provider(Connection("anthropic"))
    assert isinstance(named, AnthropicApi) and isinstance(alone, AnthropicApi) and isinstance(anthropic, AnthropicApi)
    assert named.server.headers["x-api-key"] == "sk-another"
    assert "x-api-key" not in alone.server.headers
    assert anthropic.server.base_url == "https://api.anthropic.com"
    named.prepare()
    alone.prepare()
    with pytest.raises(Unavailable, match="ANTHROPIC_API_KEY is not set"):
        anthropic.prepare()
