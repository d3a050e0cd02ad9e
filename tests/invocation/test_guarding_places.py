"""Where a guard looks in a request beside its turns: documents, thoughts, tools, schemas, and what cannot carry a mask."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Action, Guard
from tests.extraction.pdfs import Sheet, pdf
from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door, onboarded
from tests.invocation.test_guarding import MASKING, NOTING, row
from tests.upstream.anthropic_server import AnthropicServer

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
