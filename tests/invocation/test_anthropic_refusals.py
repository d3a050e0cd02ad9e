"""POST /v1/messages with what this platform cannot pass on: refused or reported by its name, never dropped in silence."""

from collections.abc import Iterator

import pytest

from tests.invocation.claudes import claudes
from tests.invocation.door import Door
from tests.invocation.test_anthropic_messages import LOCAL, WEATHER, say
from tests.upstream.anthropic_server import AnthropicServer


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


async def test_what_goes_to_no_model_is_reported(door: Door, server: AnthropicServer):
    answer = await say(
        door,
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "scope": "global"}}],
        thinking={"type": "adaptive", "display": "summarized"},
        output_config={"effort": "low", "task_budget": {"type": "tokens", "total": 20_000}},
        tools=[{**WEATHER, "input_examples": [{"city": "Bern"}]}],
        speed="fast",
        context_management={"edits": []},
        headers={"anthropic_beta": "context-management-2025-06-27,files-api-2025-04-14"},
    )
    assert answer.status == 200
    assert answer.headers["x-ignored-parameters"].split(",") == [
        "anthropic-beta=context-management-2025-06-27",
        "anthropic-beta=files-api-2025-04-14",
        "messages.0.content.0.citations",
        "output_config.task_budget",
        "system.0.cache_control.scope",
        "thinking.display",
        "tools.0.input_examples",
        "context_management",
        "speed",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"mcp_servers": [{"url": "https://example.com"}]}, "mcp_servers"),
        ({"container": "c_1"}, "container"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0"),
        ({"tools": [{"name": "a"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "any"}}, "tool_choice asks for a tool that is not among tools"),
        ({"tool_choice": {"type": "tool", "name": "b"}, "tools": [WEATHER]}, "tool_choice asks for a tool that is not among"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "wrong": 1}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]}, "messages.0.content.0"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"top_p": "high"}, "top_p"),
        ({"model": None}, "model"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_its_name(door: Door, body, said):
    answer = await say(door, "Hi", **body)
    assert (answer.status, answer.json["type"], answer.json["error"]["type"]) == (400, "error", "invalid_request_error")
    assert answer.json["error"]["message"].startswith(said)


async def test_what_the_model_cannot_honour_is_refused_in_anthropics_words(door: Door):
    answer = await say(door, "Hi", model=LOCAL, thinking={"type": "enabled", "budget_tokens": 2000})
    assert answer.status == 400
    assert answer.json["error"]["message"].startswith("thinking cannot be honoured")
    assert (await say(door, "Hi", model=LOCAL, thinking={"type": "disabled"}, max_tokens=1)).status == 200
