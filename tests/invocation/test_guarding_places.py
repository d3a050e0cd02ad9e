"""Where a guard looks in a request beside its turns: documents, thoughts, tools, schemas, and what cannot carry a mask."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Action, Guard
from apps.invocation.records import Deployment, Kind
from tests.extraction.pdfs import Sheet, pdf
from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door, onboarded
from tests.invocation.test_guarding import MASKING, NOTING, row
from tests.upstream.anthropic_server import AnthropicServer
from tests.upstream.checking import listed

SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string", "description": "such as bob@example.com", "enum": ["bob@example.com"]}},
}
MAIL = {"name": "mail", "description": "Writes to bob@example.com, or to others.", "input_schema": SCHEMA}
WORDS = Guard(phrases=Action.MASK, denied=("project falcon",))


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


async def say(door: Door, *content: Any, **more: Any) -> Answer:
    """A conversation of one turn of the user."""
    messages = more.pop("messages", [{"role": "user", "content": list(content) or "Hi"}])
    return await door.post("/v1/messages", {"model": CLAUDE, "max_tokens": 100, "messages": messages, **more})


def paper(content: bytes, title: str = "A letter") -> Any:
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(content).decode()}
    return {"type": "document", "source": source, "title": title}


def letter(text: str) -> bytes:
    """A PDF of two pages whose second one says this."""
    return pdf(Sheet().text(50, 100, "Page one."), Sheet().text(50, 100, text))


def thinking(signature: str = "c2ln") -> list[Any]:
    """A conversation in which a model has thought of somebody."""
    thought = {"type": "thinking", "thinking": "Ask bob@example.com first.", "signature": signature}
    said = [thought, {"type": "text", "text": "I will."}]
    turns = [{"role": "assistant", "content": said}, {"role": "user", "content": "Do."}]
    return [{"role": "user", "content": "Hi"}, *turns]


async def test_descriptions_and_schemas_of_tools_get_masks_and_stay_schemas(server: AnthropicServer):
    answer = await say(onboarded(guard=MASKING), tools=[MAIL])
    assert answer.status == 200, answer.body
    (tool,) = server.body["tools"]
    assert tool["description"] == "Writes to [EMAIL], or to others."
    to = {"type": "string", "description": "such as [EMAIL]", "enum": ["[EMAIL]"]}
    assert tool["input_schema"]["properties"] == {"to": to}


async def test_the_schema_of_the_answer_gets_masks(server: AnthropicServer):
    output = {"format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}}
    answer = await say(onboarded(guard=MASKING), output_config=output)
    assert answer.status == 200, answer.body
    assert "[EMAIL]" in json.dumps(server.body["output_config"])
    assert "example.com" not in json.dumps(server.body)


async def test_the_name_of_a_document_gets_masks(server: AnthropicServer):
    answer = await say(onboarded(guard=MASKING), paper(letter("Nothing."), "To bob@example.com"))
    assert answer.status == 200, answer.body
    assert server.body["messages"][0]["content"][0]["title"] == "To [EMAIL]"


@pytest.mark.parametrize("guard", [MASKING, Guard(personal=Action.BLOCK)])
async def test_a_pdf_that_says_what_may_not_go_out_is_blocked_as_it_cannot_be_masked(server: AnthropicServer, guard: Guard):
    door, count = onboarded(guard=guard), len(server.asked)
    answer = await say(door, paper(letter("Write to bob@example.com please.")))
    assert (answer.status, len(server.asked)) == (400, count)
    assert "messages[0].content[0], a PDF, which cannot be masked" in answer.json["error"]["message"]
    assert (await row(door)).outcome == "content_blocked"


async def test_a_pdf_with_nothing_in_it_passes_as_it_is(server: AnthropicServer):
    given = letter("Nothing.")
    assert (await say(onboarded(guard=MASKING), paper(given))).status == 200
    assert base64.b64decode(server.body["messages"][0]["content"][0]["source"]["data"]) == given


async def test_a_pdf_is_noted_where_the_guard_notes(server: AnthropicServer):
    door = onboarded(guard=NOTING)
    assert (await say(door, paper(letter("Write to bob@example.com please.")))).status == 200
    assert "email: 1 noted in messages[0].content[0], a PDF, which cannot be masked" in (await row(door)).findings


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7, or so", pdf(Sheet().text(9, 9, "Hi"), encrypt=True)], ids=["damaged", "locked"]
)
async def test_a_document_that_cannot_be_read_is_blocked_or_noted_as_such(server: AnthropicServer, content: bytes):
    answer = await say(onboarded(guard=MASKING), paper(content))
    assert answer.status == 400
    assert "unreadable_document" in answer.json["error"]["message"]
    door = onboarded(guard=NOTING)
    assert (await say(door, paper(content))).status == 200
    assert "unreadable_document: 1 noted in messages[0].content[0]" in (await row(door)).findings


async def test_a_signed_thought_is_blocked_or_noted_and_one_of_nobody_passes_unchanged(server: AnthropicServer):
    answer = await say(onboarded(guard=MASKING), messages=thinking())
    assert answer.status == 400
    assert "messages[1].content[0], a signed thought, which cannot be masked" in answer.json["error"]["message"]
    assert (await say(onboarded(guard=WORDS), messages=thinking())).status == 200
    assert server.body["messages"][1]["content"][0]["signature"] == "c2ln"
    door = onboarded(guard=NOTING)
    assert (await say(door, messages=thinking())).status == 200
    assert "email: 1 noted in messages[1].content[0], a signed thought, which cannot be masked" in (await row(door)).findings


@pytest.mark.parametrize(
    "asked", [{"tools": [{**MAIL, "name": "project_falcon"}]}, {"stop_sequences": ["Project Falcon"]}], ids=["tool", "stop"]
)
async def test_names_of_tools_and_stop_sequences_are_blocked_as_a_mask_would_change_what_they_do(
    server: AnthropicServer, asked: Any
):
    answer = await say(onboarded(guard=WORDS), **asked)
    assert answer.status == 400
    assert "phrase 1" in answer.json["error"]["message"]


async def test_a_long_text_is_checked_while_other_calls_go_on(server: AnthropicServer):
    door, count = onboarded(guard=MASKING), len(server.asked)
    long = asyncio.create_task(say(door, {"type": "text", "text": "4111 " * 60_000}))
    await asyncio.sleep(0)
    short = asyncio.create_task(say(door, {"type": "text", "text": "Hi"}))
    assert (await short).status == 200
    assert len(server.asked) == count + 1  # the long one is not yet on its way
    assert (await long).status == 200


LOCAL = "smollm2-135m-instruct"
MAIL_TO = "Write to bob@example.com."
HI = {"role": "user", "content": "Hi"}
ASKED = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {"to": "bob@example.com"}}


def turns(*turns: Any) -> Any:
    return {"messages": list(turns), "max_tokens": 5}


def texts(*texts: str) -> Any:
    return [{"type": "text", "text": text} for text in texts]


SPOTS: list[tuple[str, Any, str]] = [
    (
        "/v1/chat/completions",
        turns({"role": "system", "content": "Be kind."}, HI, {**HI, "content": MAIL_TO}),
        "messages[2].content",
    ),
    ("/v1/chat/completions", turns({"role": "developer", "content": texts("Hi", MAIL_TO)}, HI), "messages[0].content[1]"),
    ("/v1/chat/completions", turns(HI, {"role": "system", "content": MAIL_TO}), "messages[1].content"),
    ("/v1/chat/completions", turns({"role": "system", "content": MAIL_TO}), "messages[0].content"),
    (
        "/v1/chat/completions",
        turns(HI, {"role": "assistant", "content": "", "reasoning_content": MAIL_TO}, HI),
        "messages[1].reasoning_content",
    ),
    (
        "/v1/chat/completions",
        turns(
            {"role": "system", "content": "x"},
            HI,
            {
                **ASKED,
                "tool_calls": [
                    *ASKED["tool_calls"],
                    {"id": "d", "function": {"name": "f", "arguments": '{"a": "bob@example.com"}'}},
                ],
            },
        ),
        "messages[2].tool_calls[1]",
    ),
    (
        "/v1/chat/completions",
        turns(
            HI,
            {"role": "assistant", "content": "", "refusal": "no"},
            ASKED,
            {"role": "tool", "tool_call_id": "c", "content": "fine"},
            {"role": "tool", "tool_call_id": "c", "content": texts("fine", MAIL_TO)},
        ),
        "messages[4].content[1]",
    ),
    ("/v1/responses", {"input": MAIL_TO, "instructions": "Be kind."}, "input"),
    ("/v1/responses", {"input": "Hi", "instructions": MAIL_TO}, "instructions"),
    (
        "/v1/responses",
        {"input": [{**HI, "role": "system"}, {**HI, "content": MAIL_TO}], "instructions": "x"},
        "input[1].content",
    ),
    ("/v1/responses", {"input": [{"role": "developer", "content": MAIL_TO}, HI], "instructions": "x"}, "input[0].content"),
    (
        "/v1/responses",
        {
            "input": [
                HI,
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": MAIL_TO},
            ]
        },
        "input[2].output",
    ),
    ("/v1/messages", {**turns({**HI, "content": MAIL_TO}), "system": "Be kind."}, "messages[0].content"),
    ("/v1/messages", {**turns(HI), "system": texts("", "x", MAIL_TO)}, "system[2]"),
    (
        "/v1/messages",
        turns({"role": "system", "content": "x"}, {**HI, "content": texts("Hi", MAIL_TO)}),
        "messages[1].content[1]",
    ),
    (
        "/v1/messages/count_tokens",
        turns(HI, {"role": "assistant", "content": [*texts("I write."), USE]}, HI),
        "messages[1].content[1]",
    ),
    ("/model/invoke", {"prompt": MAIL_TO}, "prompt"),
    ("/model/invoke", {"prompt": "Hi", "system_prompts": [{"text": "x"}, {"text": MAIL_TO}]}, "system_prompts[1]"),
    (
        "/model/invoke",
        {"prompt": [{"role": "system", "content": "x"}, {**HI, "content": [{"text": "x"}, {"text": MAIL_TO}]}]},
        "prompt[1].content[1]",
    ),
    (
        "/model/invoke_with_raw_input",
        {"raw_input": turns({"role": "system", "content": "x"}, {**HI, "content": MAIL_TO})},
        "raw_input.messages[1].content",
    ),
    ("/model/embed", {"input_text": MAIL_TO}, "input_text"),
    ("/v1/embeddings", {"input": ["Hi", MAIL_TO]}, "input[1]"),
    ("/v1/embeddings", {"input": MAIL_TO}, "input"),
    ("/v1/rerank", {"query": "Who?", "documents": ["x", MAIL_TO]}, "documents[1]"),
    ("/v1/rerank", {"query": MAIL_TO, "documents": ["x"]}, "query"),
]


@pytest.mark.parametrize(("path", "asks", "place"), SPOTS, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_place_is_where_it_stands_in_what_the_client_sent(path: str, asks: Any, place: str):
    kind = Kind.EMBED if "embed" in path else Kind.RERANK if "rerank" in path else Kind.TEXT
    nowhere = Deployment("nowhere", "openai_compatible", "x", base_url="http://127.0.0.1:1")
    door = onboarded(guard=Guard(personal=Action.BLOCK))
    with listed(nowhere, kind=kind) as model:
        named = {"model_id": LOCAL} if "raw" in path else {"model_name" if path.startswith("/model") else "model": model}
        answer = await door.post(path, {**named, **asks})
    assert (answer.status, (await row(door)).outcome) == (400, "content_blocked"), answer.body
    (finding,) = (await row(door)).findings
    assert finding.startswith(f"email: 1 blocked in {place}")
    assert finding.removeprefix(f"email: 1 blocked in {place}") in ("", ".content[0]")
    assert f"which it found in {place}" in answer.body.decode()
