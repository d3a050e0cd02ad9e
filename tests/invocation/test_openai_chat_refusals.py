"""POST /v1/chat/completions: what is refused, by its name and in OpenAI's words, and what is left out and said so."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Allowance
from tests.invocation.chats import CHAT, CLOCK, LOCAL, PIXEL, QUESTION, accounted, answering, asked
from tests.invocation.door import Door, ask, onboarded
from tests.upstream.openai_server import OpenAIServer

REFUSED: list[tuple[Any, str]] = [
    ({"n": 2}, "n"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    ({"messages": [{"role": "assistant"}]}, "messages[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"temperature": 3}, "temperature"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ({"tools": [CLOCK], "tool_choice": "always"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format.json_schema.schema"),
    ({"functions": [{"name": "x"}]}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"thinking": {"type": "enabled"}}, "thinking"),
    ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
    ({"metadata": {"name": "x" * 513}}, "metadata"),
    ({"metadata": {"name": 1}}, "metadata"),
    ({"model": None}, "model"),
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


@pytest.mark.parametrize(("changed", "param"), REFUSED, ids=str)
async def test_what_cannot_be_done_is_refused_by_its_name(door: Door, upstream: OpenAIServer, changed, param):
    before = len(upstream.asked)
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **changed})
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param if param != "metadata" else error["param"])
    assert error["param"].startswith(param)
    assert error["message"]
    assert len(upstream.asked) == before


@pytest.mark.parametrize("url", ["", "cat.png", "ftp://x/cat.png", "file:///etc/passwd", "data:image/png,x", "data:;base64,x"])
async def test_a_picture_that_is_none_is_refused_by_its_place(door: Door, upstream: OpenAIServer, url):
    content = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "user", "content": content}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages[0].content[1].image_url.url")


async def test_a_file_by_its_id_is_refused(door: Door, upstream: OpenAIServer):
    content = [{"type": "file", "file": {"file_id": "file-1"}}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "user", "content": content}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages[0].content[0].file.file_id")
    assert "the document itself" in answer.json["error"]["message"]


async def test_members_that_nobody_knows_are_named_in_a_header(door: Door):
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1, "min_p": 0.1, "änd": 1, "a\r\nx-evil": 1}
    for stream in (False, True):
        answer = await door.post(CHAT, {**body, "stream": stream})
        assert answer.headers["x-ignored-parameters"] == "a%0D%0Ax-evil,min_p,%C3%A4nd"
        assert "x-evil" not in answer.headers


async def test_who_speaks_and_how_a_picture_is_looked_at_are_named_in_a_header(door: Door, upstream: OpenAIServer):
    picture = {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}}
    turns = [{"role": "user", "name": "ada", "content": [picture]}, {"role": "user", "name": "bob", "content": "Hi."}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": turns})
    assert answer.headers["x-ignored-parameters"] == "image_url.detail,messages.name"


async def test_an_empty_turn_of_the_model_is_left_out(door: Door, upstream: OpenAIServer):
    await asked(door, {"messages": [*QUESTION, {"role": "assistant", "content": ""}, *QUESTION]})
    assert upstream.last["messages"] == [*QUESTION, *QUESTION]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "assistant", "content": ""}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages")


@pytest.mark.parametrize(
    ("header", "value"),
    [("x_labels", "team"), ("x_labels", "=x"), ("x_labels", f"a={'x' * 513}"), ("x_prompt", "greeting"), ("x_prompt", "g@x")],
)
async def test_a_header_without_its_form_is_refused_by_its_name(door: Door, header, value):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION}, **{header: value})
    assert (answer.status, answer.json["error"]["param"]) == (400, header.replace("_", "-"))


@pytest.mark.parametrize(
    "trace", ["", "x", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", f"00-{'0' * 32}-{'1' * 16}-01"]
)
async def test_a_trace_that_is_none_is_left_out(door: Door, trace):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "max_tokens": 1}, traceparent=trace)
    (row,) = await accounted(door, answer)
    assert row.trace == ""


async def test_an_unknown_model_is_404(door: Door):
    answer = await door.post(CHAT, {"model": "nothing", "messages": QUESTION})
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "nothing" in error["message"]


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "invalid_json"), (b"[]", "invalid_value"), (b"{}", "missing_required_parameter")]
)
async def test_a_body_that_is_none_is_400(door: Door, body, code):
    answer = await door.post(CHAT, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


@pytest.mark.parametrize("token", [None, "nonsense", "gaf_nonsense"])
async def test_nobody_is_401_in_openais_words(token):
    answer = await ask("POST", CHAT, json.dumps({"model": LOCAL, "messages": QUESTION}).encode(), token, {})
    assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")


async def test_a_model_that_the_application_may_not_call_is_403():
    door = onboarded(models=("all-*",))
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION})
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")


async def test_over_its_limit_the_application_is_429_and_told_when_to_come_again():
    door = onboarded(allowance=Allowance(requests_per_minute=1))
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1}
    first, second = [await door.post(CHAT, body) for _ in range(2)]
    assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    assert (second.status, second.json["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 0 < int(second.headers["retry-after"]) <= 60


async def test_over_its_budget_the_application_is_402(upstream: OpenAIServer):
    door = onboarded(allowance=Allowance(usd_per_day=0.01))
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, "max_tokens": 10_000})
    assert (answer.status, answer.json["error"]["code"]) == (402, "insufficient_quota")


async def test_a_stream_that_fails_before_it_begins_has_a_status(door: Door):
    answer = await door.post(CHAT, {"model": "nothing", "messages": QUESTION, "stream": True})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
