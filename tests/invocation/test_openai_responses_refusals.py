"""POST /v1/responses: what is refused by its name, and what changes nothing and is said so."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.invocation.door import Door
from tests.invocation.responded import LOCAL, PAGES, PATH, PIXEL, QUESTION, WEATHER, answering
from tests.upstream.openai_server import OpenAIServer

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


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with answering() as server:
        yield server


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
