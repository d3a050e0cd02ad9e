"""Anthropic's dialect in front of a server that speaks OpenAI's: what the two say differently, and what goes wrong between."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apps.applications.records import Caching
from apps.invocation import listing
from apps.invocation.records import Deployment, Kind, Model
from tests.invocation.door import Answer, Door, onboarded
from tests.invocation.test_anthropic_messages import CLOCK, MESSAGE, WEATHER
from tests.invocation.test_anthropic_streams import collected, events, rows
from tests.invocation.unruly import USAGE, Unruly, reply, serving
from tests.invocation.unruly import events as chunks

USAGE_ONLY = {"usage": USAGE["usage"]}
HI = {"max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], "tools": [WEATHER, CLOCK]}


@asynccontextmanager
async def served(answer: bytes) -> AsyncIterator[tuple[str, Unruly]]:
    """A model whose server answers so; its name, which no other has."""
    async with serving(answer) as server:
        place = Deployment("elsewhere", "openai_compatible", "x", base_url=server.url)
        model = Model(f"model-{uuid.uuid4().hex[:10]}", "x", Kind.TEXT, "", deployments=(place,))
        listing.save_model(model)
        try:
            yield model.name, server
        finally:
            listing.remove_model(model.name)


async def asked(door: Door, answer: bytes, **more: Any) -> Answer:
    async with served(answer) as (model, _):
        return await door.post("/v1/messages", {**HI, "model": model, **more})


def whole(calls: Sequence[Any], reason: str) -> bytes:
    """A completion that asks for tools."""
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return reply(200, {"choices": [{"index": 0, "message": message, "finish_reason": reason}], **USAGE_ONLY})


def call(index: int, arguments: str, name: str = "") -> Mapping[str, Any]:
    """A tool that is asked for, or more of its input."""
    begins = {"id": f"call_{index}", "type": "function"} if name else {}
    return {"index": index, **begins, "function": {"arguments": arguments, **({"name": name} if name else {})}}


def chunk(call: Mapping[str, Any] | None, reason: str | None = None) -> Any:
    """A piece of a stream."""
    delta = {} if call is None else {"tool_calls": [call]}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


async def test_tools_pass_through_both_ways(door: Door):
    async with served(whole([call(0, '{"city": "Bern"}', "get_weather")], "tool_calls")) as (model, server):
        answer = await door.post("/v1/messages", {**HI, "model": model, "tool_choice": {"type": "any"}})
    message = MESSAGE.validate_python(answer.json)
    assert (message.stop_reason, message.content[0].input) == ("tool_use", {"city": "Bern"})
    sent = server.asked[0]["body"]
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["get_weather", "get_time"]
    assert sent["tool_choice"] == "required"


async def test_tools_whose_inputs_come_by_turns_are_each_gathered(door: Door):
    pieces = [
        call(0, '{"city":', "get_weather"),
        call(1, '{"hour"', "get_time"),
        call(0, ' "Bern"}'),
        call(1, ": 7}"),
    ]
    stream = chunks(*map(chunk, pieces), chunk(None, "tool_calls"), USAGE)
    answer = await asked(door, stream, stream=True)
    message = collected(events(answer))
    assert [block["input"] for block in message["content"]] == [{"city": "Bern"}, {"hour": 7}]
    assert message["stop_reason"] == "tool_use"


@pytest.mark.parametrize("arguments", ["[1]", "{not json", "7", "[" * 100_000])
async def test_a_tools_input_that_is_no_object_is_the_models_failure_and_on_the_account_as_such(arguments):
    door = onboarded(caching=Caching(exact=True))
    answer = await asked(door, whole([call(0, arguments, "get_weather")], "tool_calls"))
    assert (answer.status, answer.json["error"]["type"]) == (502, "api_error")
    assert "get_weather" in answer.json["error"]["message"]
    row = (await rows(door))[0]
    assert (row.invocation, row.outcome, row.status.value) == (answer.headers["x-request-id"], "upstream_failed", "FAILED")
    assert row.input_tokens == USAGE["usage"]["prompt_tokens"]  # the provider has answered, and bills it


async def test_a_tools_input_that_max_tokens_cut_off_is_empty(door: Door):
    answer = await asked(door, whole([call(0, '{"city": "Be', "get_weather")], "length"))
    assert (answer.json["stop_reason"], answer.json["content"][0]["input"]) == ("max_tokens", {})


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_without_a_word_is_a_message_without_content(door: Door, streamed):
    nothing = reply(200, {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "stop"}], **USAGE_ONLY})
    answer = await asked(door, nothing, stream=streamed)
    message = collected(events(answer)) if streamed else answer.json
    assert (message["content"], message["stop_reason"]) == ([], "end_turn")


async def test_what_the_provider_kept_back_is_a_refusal(door: Door):
    kept = {"choices": [{"index": 0, "message": {"content": "I"}, "finish_reason": "content_filter"}], **USAGE_ONLY}
    assert (await asked(door, reply(200, kept))).json["stop_reason"] == "refusal"


async def test_a_document_of_plain_text_is_text_to_a_server_that_has_no_such_thing(door: Door):
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    turns = [{"role": "user", "content": [{"type": "document", "source": source, "title": "A letter"}]}]
    good = reply(200, {"choices": [{"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}], **USAGE_ONLY})
    async with served(good) as (model, server):
        answer = await door.post("/v1/messages", {"max_tokens": 5, "messages": turns, "model": model})
    assert answer.status == 200, answer.body
    assert server.asked[0]["body"]["messages"][0]["content"] == [{"type": "text", "text": "A letter:\nGrüße"}]


async def test_tools_at_a_time_are_spoken_of_to_no_server_where_there_are_no_tools(door: Door):
    async with served(whole([], "stop")) as (model, server):
        choice = {"type": "auto", "disable_parallel_tool_use": True}
        answer = await door.post("/v1/messages", {**HI, "model": model, "tools": [], "tool_choice": choice})
    assert answer.status == 200, answer.body
    assert {"tool_choice", "parallel_tool_calls"}.isdisjoint(server.asked[0]["body"])


async def test_turns_in_which_nothing_is_said_are_asked_of_nobody(door: Door):
    nothing, something = {"role": "user", "content": []}, {"role": "user", "content": "Hi"}
    async with served(whole([], "stop")) as (model, server):
        refused = await door.post("/v1/messages", {**HI, "model": model, "messages": [nothing]})
        heard = await door.post("/v1/messages", {**HI, "model": model, "messages": [nothing, something]})
    assert (refused.status, refused.json["error"]["type"], heard.status) == (400, "invalid_request_error", 200)
    assert [asked["body"]["messages"] for asked in server.asked] == [[something]]
