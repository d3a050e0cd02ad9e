"""POST /model/invoke_with_raw_input: bodies in their provider's own form."""

import pytest

from tests.invocation.chats import answering
from tests.invocation.door import Door

ASKED = "What is the capital of France?"
BODIES = {
    "anthropic.claude-v2": {
        "anthropic_version": "bedrock-2023-05-31",
        "system": "",
        "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}],
        "max_tokens": 20,
        "temperature": 0,
        "stop_sequences": [],
    },
    "amazon.titan-text-lite-v1": {
        "inputText": ASKED,
        "textGenerationConfig": {"maxTokenCount": 20, "temperature": 0, "topP": 0.9, "stopSequences": []},
    },
    "ai21.j2-ultra-v1": {"prompt": ASKED, "temperature": 0, "topP": 0.9, "maxTokens": 20, "countPenalty": {"scale": 0}},
    "cohere.command-text-v14": {"prompt": ASKED, "temperature": 0, "p": 0.9, "k": 40, "max_tokens": 20, "stream": False},
    "cohere.command-r-v1:0": {"message": ASKED, "temperature": 0, "p": 0.9, "max_tokens": 20, "chat_history": []},
    "meta.llama3-8b-instruct-v1:0": {"prompt": ASKED, "temperature": 0, "top_p": 0.9, "max_gen_len": 20},
    "mistral.mistral-7b-instruct-v0:2": {"prompt": ASKED, "max_tokens": 20, "stop": [], "temperature": 0, "top_k": 50},
    "smollm2-135m-instruct": {
        "messages": [{"role": "user", "content": ASKED}],
        "max_tokens": 20,
        "temperature": 0,
        "stop": "\\n",
    },
}


@pytest.mark.parametrize("identifier", BODIES)
async def test_every_family_is_read_in_its_own_form(door: Door, identifier):
    answer = await door.post("/model/invoke_with_raw_input", {"model_id": identifier, "raw_input": BODIES[identifier]})
    assert answer.status == 200, answer.body
    assert "Paris" in answer.json["output_text"]
    assert 0 < answer.json["output_tokens"] <= 20


@pytest.mark.parametrize(
    ("identifier", "raw"),
    [
        ("no.such-model", {"prompt": "x"}),
        ("anthropic.claude-v2", {}),
        ("anthropic.claude-v2", {"prompt": 5}),
        ("anthropic.claude-v2", {"messages": "x"}),
        ("anthropic.claude-v2", {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}),
        ("anthropic.claude-v2", {"prompt": "x", "max_tokens": 1.5}),
        ("anthropic.claude-v2", {"prompt": "x", "temperature": "hot"}),
        ("anthropic.claude-v2", {"prompt": "x", "textGenerationConfig": 5, "max_tokens": 10**40}),
        ("amazon.titan-embed-text-v1", {"inputText": "x"}),
    ],
)
async def test_a_body_in_nobodys_form_is_400(door: Door, identifier, raw):
    answer = await door.post("/model/invoke_with_raw_input", {"model_id": identifier, "raw_input": raw})
    assert (answer.status, answer.json["code"]) in ((400, "invalid_request"), (400, "model_not_found"))


async def test_both_fields_are_needed(door: Door):
    assert (await door.post("/model/invoke_with_raw_input", {"model_id": "x"})).fields == ["body.raw_input"]
    assert (await door.post("/model/invoke_with_raw_input", {"raw_input": {}})).fields == ["body.model_id"]


MADE_UP = "x\r\nset-cookie: a=b, \u4f60"
TOLD = "x%0D%0Aset-cookie%3A%20a=b%2C%20%E4%BD%A0"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/model/invoke_with_raw_input", {"model_id": "upstream", "raw_input": {"prompt": "Hi.", MADE_UP: 1}}, "raw_input"),
        (
            "/model/invoke",
            {"model_name": "upstream", "prompt": [{"role": "user", "content": [{"text": "Hi.", MADE_UP: "1"}]}]},
            "prompt.content",
        ),
    ],
)
async def test_names_that_a_caller_makes_up_are_told_in_one_line_of_the_answer(door: Door, path, body, told):
    with answering():
        answer = await door.post(path, body)
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, f"{told}.{TOLD}")


async def test_of_many_names_the_first_are_told_and_how_many_follow(door: Door):
    raw = {"prompt": "Hi.", **{f"m{n:03}": n for n in range(500)}}
    with answering():
        answer = await door.post("/model/invoke_with_raw_input", {"model_id": "upstream", "raw_input": raw})
    names = answer.headers["x-ignored-parameters"].split(",")
    assert names == [*(f"raw_input.m{n:03}" for n in range(20)), "+480"]
