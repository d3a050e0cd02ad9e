"""What an OpenAI-compatible server is asked: every field of the inner request has its place in the body."""

import base64

import pytest
from msgspec.structs import replace

from apps.invocation.adapters.openai.provider import OpenAICompatible
from apps.invocation.invocations import (
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Request,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from foundation.errors import Invalid
from tests.invocation.unruly import USAGE, reply, serving

PLAIN = Request("m", (Message(Role.USER, (Text("Hi"),)),))
WHOLE = reply(200, {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], **{"usage": USAGE["usage"]}})
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather of a city.", SCHEMA)


async def body_of(request: Request):
    """The body that the server gets."""
    async with serving(WHOLE) as server:
        await OpenAICompatible(server.url).complete(request)
    return server.asked[0]["body"]


async def content_of(*parts: Part):
    """The content of the one message that a turn of the user becomes."""
    body = await body_of(replace(PLAIN, messages=(Message(Role.USER, parts),)))
    return body["messages"][0]["content"]


async def test_a_whole_answer_is_asked_for_without_a_stream():
    assert await body_of(PLAIN) == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


MEMBERS = [
    ({"max_tokens": 5}, {"max_tokens": 5}),
    ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
    ({"stop": ("a", "b", "c", "d", "e")}, {"stop": ["a", "b", "c", "d", "e"]}),
    ({"seed": 0}, {"seed": 0}),
    ({"frequency_penalty": 0.5, "presence_penalty": -1.0}, {"frequency_penalty": 0.5, "presence_penalty": -1.0}),
    ({"logprobs": 0}, {"logprobs": True}),
    ({"logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"parallel_tools": False}, {"parallel_tool_calls": False}),
    ({"effort": "high"}, {"reasoning_effort": "high"}),
    ({"service_tier": "flex", "user": "u1"}, {"service_tier": "flex", "user": "u1"}),
    ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    ({"output": OutputFormat()}, {"response_format": {"type": "json_object"}}),
    (
        {"output": OutputFormat(SCHEMA, "city", True)},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}},
    ),
    ({"tool_choice": ToolChoice("auto")}, {"tool_choice": "auto"}),
    ({"tool_choice": ToolChoice("none")}, {"tool_choice": "none"}),
    ({"tool_choice": ToolChoice("any")}, {"tool_choice": "required"}),
    (
        {"tool_choice": ToolChoice("tool", "weather")},
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
    ),
    (
        {"tools": (WEATHER, replace(WEATHER, strict=True))},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "weather", "description": "The weather of a city.", "parameters": SCHEMA, **strict},
                }
                for strict in ({}, {"strict": True})
            ]
        },
    ),
    ({"labels": {"team": "a"}, "prompt": ("greeting", 2)}, {}),
]


@pytest.mark.parametrize(("fields", "members"), MEMBERS)
async def test_each_field_has_its_member(fields, members):
    body = await body_of(replace(PLAIN, **fields))
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == members


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini", "gpt-5.1", "openai/gpt-5"])
async def test_models_that_count_their_thoughts_get_max_completion_tokens(model: str):
    body = await body_of(replace(PLAIN, model=model, max_tokens=5))
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


async def test_system_prompts_are_one_message_before_all_others():
    body = await body_of(replace(PLAIN, system=(Text("Be brief."), Text("Be kind."))))
    assert body["messages"][0] == {"role": "system", "content": "Be brief.\n\nBe kind."}


async def test_texts_alone_are_a_text_that_every_server_takes():
    assert await content_of(Text("a"), Text("b")) == "a\nb"


async def test_images_are_urls_of_their_bytes_or_of_where_they_are():
    assert await content_of(Text("What?"), Image("image/png", "QUJD"), Image(url="https://example.com/a.png")) == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


async def test_documents_are_files_with_an_ending_and_documents_of_text_are_text():
    plain = Document("text/plain", base64.b64encode("größer".encode()).decode(), "note.txt")
    assert await content_of(Document("application/pdf", "QUJD", "report"), plain) == [
        {"type": "file", "file": {"filename": "report.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        {"type": "text", "text": "note.txt:\ngrößer"},
    ]


async def test_a_document_of_text_that_is_none_is_invalid():
    with pytest.raises(Invalid, match="not in UTF-8"):
        await content_of(Document("text/plain", base64.b64encode(b"\xff").decode(), "note.txt"))


async def test_tools_that_were_asked_for_and_their_results_are_messages_in_their_order():
    turns = (
        *PLAIN.messages,
        Message(Role.ASSISTANT, (Thinking("hm"), Text("Let me see."), ToolUse("1", "weather", '{"city": "Bern"}'))),
        Message(
            Role.USER,
            (
                ToolResult("1", (Text("sunny"), Image("image/png", "QUJD"))),
                ToolResult("2", (Text("no such city"),), failed=True),
                Text("And now?"),
            ),
        ),
    )
    assert (await body_of(replace(PLAIN, messages=turns)))["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "2", "content": "Error: no such city"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]


async def test_a_large_request_arrives_whole():
    assert await content_of(Text("x" * 3_000_000)) == "x" * 3_000_000
