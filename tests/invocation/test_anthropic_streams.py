"""POST /v1/messages with `stream`: Anthropic's events, in its order, and how a stream ends that fails."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from apps.applications.records import Allowance
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.asgi import application
from tests.invocation.claudes import CLAUDE, PRICES, claudes
from tests.invocation.door import Answer, Door, onboarded, opened
from tests.invocation.test_anthropic_messages import CLOCK, LOCAL, WEATHER
from tests.upstream.anthropic_server import AnthropicServer, read
from tests.usage.shipped import shipped

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


@pytest.fixture
def door() -> Door:
    """An application of its own, whose account has nothing on it."""
    return opened()


def asked(text: str, model: str = CLAUDE, **more: Any) -> Any:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


def events(answer: Answer) -> Sequence[Any]:
    """The events of a stream, each named as it says and one by the types of Anthropic's SDK; pings and errors as they are."""
    found = []
    for block in answer.body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        if event["type"] not in ("ping", "error"):
            EVENT.validate_python(event)
        found.append(event)
    return found


def collected(said: Sequence[Any]) -> Any:
    """The message that a client makes of the events."""
    message = {**said[0]["message"]}
    blocks: list[Any] = []
    for event in said:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append({**event["content_block"]})
            case "content_block_delta":
                block, delta = blocks[event["index"]], event["delta"]
                name = {"input_json_delta": "partial_json", "text_delta": "text", "thinking_delta": "thinking"}.get(
                    delta["type"], "signature"
                )
                block[name] = block.get(name, "") + delta[name]
            case "message_delta":
                message |= {**event["delta"], "usage": {**message["usage"], **event["usage"]}}
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block.pop("partial_json"))
        if block["type"] == "text":
            block["citations"] = None
    return {**message, "content": blocks}


async def rows(door: Door) -> Sequence[Invocation]:
    """What is on the application's account, the newest first."""
    await asyncio.to_thread(shipped)
    return usage.calls(door.caller.application).items


async def test_the_local_models_answer_comes_in_anthropics_events_and_order(door: Door):
    answer = await door.post(
        "/v1/messages", asked("Count from one to twenty.", model=LOCAL, stream=True, max_tokens=5, temperature=0)
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    said = events(answer)
    assert [event["type"] for event in said[:4]] == ["message_start", "ping", "content_block_start", "content_block_delta"]
    assert [event["type"] for event in said[-3:]] == ["content_block_stop", "message_delta", "message_stop"]
    assert said[0]["message"]["id"] == f"msg_{answer.headers['request-id']}"
    assert said[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert said[-2]["usage"]["output_tokens"] == 5
    assert (answer.headers["x-served-by"], answer.headers["x-deployment"]) == (LOCAL, "local_text")


async def test_the_local_models_stream_names_the_stop_sequence_that_ended_it(door: Door):
    body = asked("Say hello.", model=LOCAL, stream=True, temperature=0, stop_sequences=["never", "e"])
    said = events(await door.post("/v1/messages", body))
    assert said[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "e"}


def told(said: Sequence[Any]) -> tuple[int, int]:
    """The tokens read that a stream says at its beginning, and at its end."""
    return said[0]["message"]["usage"]["input_tokens"], said[-2]["usage"]["input_tokens"]


async def test_a_stream_begins_with_an_estimate_of_its_prompt_and_ends_with_what_the_provider_counted(
    server: AnthropicServer, door: Door
):
    first, last = told(events(await door.post("/v1/messages", asked("x" * 400, stream=True))))
    assert (first, last) == (100, read(server.body))


async def test_a_stream_begins_with_the_prompt_as_it_was_measured_where_it_was():
    body = asked("x" * 40, model=LOCAL, stream=True, max_tokens=2)
    first, last = told(events(await onboarded(allowance=Allowance(tokens_per_minute=10**6)).post("/v1/messages", body)))
    assert first == last != 10


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tools": [WEATHER, CLOCK]},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000},
        {"thinking": {"type": "adaptive"}, "tools": [WEATHER, CLOCK], "max_tokens": 2000},
        {"stop_sequences": ["three"]},
        {"cache_control": {"type": "ephemeral"}},
    ],
)
async def test_streamed_and_whole_the_answer_and_its_price_are_the_same(server: AnthropicServer, more):
    whole_door, stream_door = opened(), opened()
    text = f"one two three {json.dumps(more)}"
    await whole_door.post("/v1/messages", asked(text, **more))  # what has cache points is in the cache from now on
    whole = await whole_door.post("/v1/messages", asked(text, **more))
    streamed = await stream_door.post("/v1/messages", asked(text, stream=True, **more))
    message = collected(events(streamed))
    unlike = {"id": None}
    assert {**message, **unlike} == {**whole.json, **unlike}
    first, second = (await rows(whole_door))[0], (await rows(stream_door))[0]
    tokens = ("input_tokens", "output_tokens", "cached_tokens", "cache_written_tokens", "reasoning_tokens", "cost")
    assert [getattr(first, name) for name in tokens] == [getattr(second, name) for name in tokens]
    assert first.cost and first.cost >= first.output_tokens * PRICES.output
    assert (first.dialect, first.streamed, second.streamed) == ("anthropic_messages", False, True)


async def test_a_failure_before_the_first_word_has_a_status(door: Door, server: AnthropicServer):
    answer = await door.post("/v1/messages", asked("Hi", model="claude-error-first", stream=True))
    assert (answer.status, answer.json["error"]["type"]) == (529, "overloaded_error")


@pytest.mark.parametrize(
    ("model", "kind", "outcome"),
    [("claude-error-later", "overloaded_error", "unavailable"), ("claude-cut", "api_error", "upstream_failed")],
)
async def test_a_stream_that_fails_says_so_as_its_last_event_and_never_stops(
    door: Door, server: AnthropicServer, model, kind, outcome
):
    answer = await door.post("/v1/messages", asked("one two three", model=model, stream=True))
    said = events(answer)
    assert answer.status == 200
    assert said[-1]["type"] == "error"
    assert said[-1]["error"]["type"] == kind
    assert said[-1]["request_id"] == answer.headers["request-id"]
    assert not {"message_stop", "message_delta"} & {event["type"] for event in said}
    row = (await rows(door))[0]
    assert (row.outcome, row.invocation) == (outcome, answer.headers["request-id"])
    assert row.output_tokens > 0


async def test_44_a_client_that_leaves_ends_the_providers_stream_and_pays_for_what_came(door: Door, server: AnthropicServer):
    body = json.dumps(asked("word", model="claude-endless", stream=True)).encode()
    given = [(b"authorization", f"Bearer {door.token}".encode()), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "query_string": b"", "headers": given}
    came, incoming, before = asyncio.Event(), [{"type": "http.request", "body": body, "more_body": False}], server.left

    async def receive() -> Any:
        if incoming:
            return incoming.pop()
        await came.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if b"text_delta" in message.get("body", b""):
            came.set()

    await asyncio.wait_for(application(scope, receive, send), 10)
    row = (await rows(door))[0]
    assert (row.outcome, row.output_tokens > 0, (row.cost or 0) > 0) == ("cancelled", True, True)
    async with asyncio.timeout(10):
        while server.left == before:
            await asyncio.sleep(0.02)
