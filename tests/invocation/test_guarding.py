"""Guards at the door: what the provider is asked, what the client gets, and what the account says of it."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Action, Guard
from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.adapters import secrets
from tests.invocation.door import Answer, Door, onboarded
from tests.invocation.guarded import PEM, github_token
from tests.upstream import bedrock_server
from tests.upstream.openai_server import OpenAIServer, running
from tests.usage.shipped import shipped

CHAT = "/v1/chat/completions"
MASKING = Guard(personal=Action.MASK, secrets=Action.MASK)
BLOCKING = Guard(personal=Action.BLOCK, secrets=Action.BLOCK)
NOTING = Guard(personal=Action.NOTE, secrets=Action.NOTE)
TOKEN = github_token("ghp_", "0123456789abcdefghijklmnopqrst")
MAIL = {
    "type": "function",
    "function": {
        "name": "mail",
        "parameters": {
            "type": "object",
            "properties": {"to": {"enum": ["bob@example.com"]}, "card": {"enum": [4111111111111111]}},
        },
    },
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `echo` here: it says what it was told."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model("echo", "", Kind.TEXT, "", inputs=("image", "document"), deployments=(place,)))
        services.save_model(Model("echo vectors", "", Kind.EMBED, "", deployments=(place,)))
        yield server
        services.remove_model("echo")
        services.remove_model("echo vectors")


async def say(door: Door, text: Any, **more: Any) -> Answer:
    """The answer to one turn of the user, or to these messages."""
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return await door.post(CHAT, {"model": "echo", "messages": messages, **more})


def said(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json["choices"][0]["message"]["content"])


def chunks(answer: Answer) -> list[Any]:
    """The JSON of each event of a stream."""
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def streamed(answer: Answer) -> str:
    found = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(answer) if chunk.get("choices")]
    return "".join(found)


async def newest(door: Door) -> Invocation:
    """The last row of the application's account, when all are there."""
    await asyncio.to_thread(shipped)
    return usage.calls(door.caller.application).items[0]


async def row(door: Door) -> Invocation:
    """The one row of the application's account."""
    await asyncio.to_thread(shipped)
    (only,) = usage.calls(door.caller.application).items
    return only


async def test_the_provider_gets_masks_wherever_the_request_has_text(upstream: OpenAIServer):
    door = onboarded(guard=MASKING)
    called = {"id": "c1", "type": "function", "function": {"name": "mail", "arguments": '{"to":"bob@example.com"}'}}
    messages = [
        {"role": "system", "content": "You help alice@example.com."},
        {"role": "user", "content": [{"type": "text", "text": "Write to bob@example.com"}, {"type": "text", "text": TOKEN}]},
        {"role": "assistant", "content": "I ask +41 44 668 18 00.", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": f"Sent with {PEM}"},
    ]
    answer = await say(door, messages, tools=[MAIL])
    assert said(answer) == "The tool says: Sent with [PRIVATE_KEY]"
    sent = json.dumps(upstream.last["messages"])
    assert "example.com" not in sent
    assert all(mask in sent for mask in ("[EMAIL]", "[GITHUB_TOKEN]", "[PHONE]", "[PRIVATE_KEY]"))
    assert json.loads(upstream.last["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"to": "[EMAIL]"}


async def test_a_number_that_two_forms_fit_is_found_once(upstream: OpenAIServer):
    door = onboarded(guard=NOTING)
    await say(door, "I am +1 415 555 2671, she is +1 (212) 555-0123.")
    assert (await row(door)).findings[0] == "phone: 2 noted in messages[0].content"


async def test_documents_that_are_text_are_masked_too(upstream: OpenAIServer):
    door = onboarded(guard=MASKING)
    data = base64.b64encode(b'{"from": "bob@example.com"}').decode()
    text = {"type": "file", "file": {"filename": "mail.txt", "file_data": f"data:text/plain;base64,{data}"}}
    file = {"type": "file", "file": {"filename": "mail.json", "file_data": f"data:application/json;base64,{data}"}}
    await say(door, [{"role": "user", "content": [text, file]}])
    sent = upstream.last["messages"][0]["content"]
    assert sent[0]["text"].endswith('{"from": "[EMAIL]"}')
    assert base64.b64decode(sent[1]["file"]["file_data"].partition(",")[2]) == b'{"from": "[EMAIL]"}'


async def test_embeddings_are_made_of_what_the_guard_leaves(upstream: OpenAIServer):
    door = onboarded(guard=MASKING)
    answer = await door.post("/v1/embeddings", {"model": "echo vectors", "input": ["ask bob@example.com", "ask nobody"]})
    assert answer.status == 200, answer.body
    assert upstream.last["input"] == ["ask [EMAIL]", "ask nobody"]


async def test_an_answer_is_masked_whole_and_streamed_and_so_is_what_it_wants_of_tools(upstream: OpenAIServer):
    door = onboarded(guard=Guard(phrases=Action.MASK, denied=("project  X",), personal=Action.MASK))
    for text in ("hello PROJECT x!", "hello project-x!", "hello Ｐｒｏｊｅｃｔ Ｘ!"):
        assert said(await say(door, text)) == "You said: hello [PHRASE]!"
    assert said(await say(door, "hello project xy!")) == "You said: hello project xy!"
    whole = await say(door, "x", tools=[MAIL])
    (call,) = whole.json["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"to": "[EMAIL]", "card": "[CARD]"}
    pieces = [
        each["function"]["arguments"]
        for chunk in chunks(await say(door, "x", tools=[MAIL], stream=True))
        for each in (chunk["choices"][0]["delta"].get("tool_calls") or () if chunk["choices"] else ())
    ]
    assert json.loads("".join(pieces)) == {"to": "[EMAIL]", "card": "[CARD]"}


async def test_what_a_guard_only_notes_passes_and_is_named_on_the_account_without_its_text(upstream: OpenAIServer):
    door = onboarded(guard=NOTING)
    answer = await say(door, f"bob@example.com and eve@example.com have {TOKEN}", stream=True)
    assert streamed(answer) == f"You said: bob@example.com and eve@example.com have {TOKEN}"
    findings = (await row(door)).findings
    assert findings == (
        "email: 2 noted in messages[0].content",
        "github_token: 1 noted in messages[0].content",
        "email: 2 noted in the answer's text",
        "github_token: 1 noted in the answer's text",
    )


async def test_a_blocked_request_reaches_no_provider_and_the_refusal_names_the_rule_and_the_place_only(upstream: OpenAIServer):
    door, count = onboarded(guard=BLOCKING), len(upstream.asked)
    answer = await say(door, [{"role": "system", "content": "Hi"}, {"role": "user", "content": f"My token is {TOKEN}"}])
    assert (answer.status, len(upstream.asked)) == (400, count)
    assert "github_token" in answer.json["error"]["message"]
    assert answer.json["error"]["message"].endswith("messages[1].content; leave it out")
    refused = await row(door)
    assert (refused.outcome, refused.findings) == ("content_blocked", ("github_token: 1 blocked in messages[1].content",))
    assert TOKEN not in f"{answer.body!r} {refused}"


async def test_a_blocked_answer_is_refused_and_a_stream_of_it_ends_with_an_error_before_what_is_blocked(upstream: OpenAIServer):
    door = onboarded(guard=Guard(phrases=Action.BLOCK, denied=("You said",)))
    answer = await say(door, "hello")
    assert answer.status == 400
    assert answer.json["error"]["message"].endswith("the answer's text")  # which who asked can leave nothing out of
    other = onboarded(guard=Guard(personal=Action.BLOCK))
    stream = await say(other, "x", tools=[MAIL], stream=True)
    last = chunks(stream)[-1] if stream.status == 200 else stream.json
    assert "email" in last["error"]["message"]
    assert b"example.com" not in stream.body
    assert b"[DONE]" not in stream.body
    assert (await row(other)).outcome == "content_blocked"


@pytest.mark.parametrize("path", ["/model/invoke", "/v1/messages"])
async def test_every_dialect_says_a_block_in_its_own_form(upstream: OpenAIServer, path):
    door = onboarded(guard=BLOCKING)
    body = {"model_name": "echo", "prompt": TOKEN, "model": "echo", "messages": [{"role": "user", "content": TOKEN}]}
    answer = await door.post(path, {**body, "max_tokens": 10})
    assert answer.status == 400
    told = answer.json["detail"] if path == "/model/invoke" else answer.json["error"]["message"]
    assert "github_token" in told


async def test_requests_and_answers_that_are_too_long_are_refused_and_a_stream_ends_there(upstream: OpenAIServer):
    door = onboarded(guard=Guard(input_characters=40, output_characters=25))
    assert said(await say(door, "x" * 10)) == "You said: " + "x" * 10
    answer = await say(door, "x" * 41)
    assert (answer.status, "lets 40 characters in, and the request has 41" in answer.json["error"]["message"]) == (400, True)
    assert (await newest(door)).findings == ("size: 1 blocked in the request",)
    answer = await say(door, "x" * 20)
    assert (answer.status, "lets 25 characters out" in answer.json["error"]["message"]) == (400, True)
    assert (await newest(door)).findings == ("size: 1 blocked in the answer",)
    stream = await say(door, "x x x x x x x x x x x x", stream=True)
    assert stream.status == 200
    assert "lets 25 characters out" in chunks(stream)[-1]["error"]["message"]
    assert (await newest(door)).findings == ("size: 1 blocked in the answer",)
    assert len(streamed(stream)) <= 25


async def test_where_masks_may_come_no_logprobs_are_asked_for_and_the_client_is_told(upstream: OpenAIServer):
    door = onboarded(guard=MASKING)
    answer = await say(door, "hello", logprobs=True)
    assert "logprobs" not in upstream.last
    assert answer.headers["x-ignored-parameters"] == "logprobs"
    assert (await say(onboarded(guard=NOTING), "hello", logprobs=True)).json["choices"][0]["logprobs"] is not None


async def test_without_a_guard_everything_passes(upstream: OpenAIServer):
    door = onboarded()
    assert said(await say(door, f"{TOKEN} bob@example.com")) == f"You said: {TOKEN} bob@example.com"
    assert (await row(door)).findings == ()


async def test_every_call_to_bedrock_has_the_applications_own_guardrail_and_no_other_provider_does(upstream: OpenAIServer):
    door = onboarded(guard=Guard(bedrock_guardrail="xbgw7g293v7o:3"))
    with bedrock_server.serving() as server:
        secrets.put("guard_key", bedrock_server.BEARER)
        place = Deployment("rock", "bedrock", "a.model-v1", base_url=server.url, region=server.region, key="guard_key")
        services.save_model(Model("rock", "", Kind.TEXT, "", deployments=(place,)))
        server.answers["a.model-v1"] = lambda asked: bedrock_server.converse([{"text": "Hello."}])
        answer = await door.post(CHAT, {"model": "rock", "messages": [{"role": "user", "content": "Hi"}]})
        services.remove_model("rock")
    assert said(answer) == "Hello."
    config = server.last.body["guardrailConfig"]
    assert (config["guardrailIdentifier"], config["guardrailVersion"]) == ("xbgw7g293v7o", "3")
    assert said(await say(door, "Hi")) == "You said: Hi"
