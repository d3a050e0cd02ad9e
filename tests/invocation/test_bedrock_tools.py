"""Tools and forms as Bedrock is asked for them: what each model can, and what is done where it cannot."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from apps.invocation.adapters.bedrock.requests import asked
from apps.invocation.invocations import Document, Image, OutputFormat, Request, Text, Tool, ToolChoice, ToolResult, ToolUse
from foundation.errors import Invalid
from tests.invocation.converse import (
    CITY,
    LLAMA,
    NEWEST,
    NOVA,
    OPUS_4_8,
    PDF,
    PNG,
    SONNET,
    WEATHER,
    assistant,
    blocks,
    body,
    request,
    user,
)

TREE = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}}}


def test_tools_their_use_and_their_results_are_in_the_turns_that_bedrock_wants():
    wanted = request(
        SONNET,
        user("Weather in Rome?"),
        assistant("I look.", ToolUse("call/1", "weather", '{"city": "Rome"}'), ToolUse("2", "weather", "")),
        user(ToolResult("call/1", (Text("Sun"), Image("image/png", PNG)))),
        user("And then?", ToolResult("2", (), failed=True)),
        tools=(WEATHER, Tool("clock", "", {})),
        tool_choice=ToolChoice("tool", "weather"),
    )
    sent = body(wanted)
    assert sent["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "weather", "description": "The weather in a city.", "inputSchema": {"json": CITY}}},
            {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object"}}}},
        ],
        "toolChoice": {"tool": {"name": "weather"}},
    }
    assert sent["messages"][1]["content"][1:] == [
        {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}},
        {"toolUse": {"toolUseId": "2", "name": "weather", "input": {}}},
    ]
    picture = {"image": {"format": "png", "source": {"bytes": PNG}}}
    assert sent["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "Sun"}, picture]}},
        {"toolResult": {"toolUseId": "2", "content": [{"text": "(nothing)"}], "status": "error"}},
        {"text": "And then?"},
    ]


def used(model: str, *rest: Any) -> Request:
    """A conversation in which a tool was used, and the user goes on."""
    turns = (user("Weather?"), assistant(ToolUse("1", "weather", "{}")), user(ToolResult("1", (Text("Sun"),)), *rest))
    return request(model, *turns, tools=(WEATHER,))


@pytest.mark.parametrize(
    ("model", "rest", "turns"),
    [
        (SONNET, ("Thanks",), 3),
        (SONNET, (Document("text/csv", PDF), "Thanks"), 5),
        (LLAMA, ("Thanks",), 5),
        (LLAMA, (), 3),
        ("mistral.mistral-large-2407-v1:0", (Image("image/png", PNG), "Thanks"), 5),
        (NOVA, (Document("text/csv", PDF), "Thanks"), 3),
    ],
)
def test_what_may_not_stand_beside_a_tools_result_gets_a_turn_of_its_own(model: str, rest: tuple[Any, ...], turns: int):
    assert len(body(used(model, *rest))["messages"]) == turns


def test_a_failure_of_a_tool_is_said_in_words_where_the_model_takes_no_status():
    failed = user(ToolResult("1", (Text("No network"),), failed=True))
    wanted = request("writer.palmyra-x5-v1:0", user("Hi"), assistant(ToolUse("1", "weather", "{}")), failed, tools=(WEATHER,))
    assert blocks(wanted, 2)[0]["toolResult"]["content"] == [{"text": "The tool failed."}, {"text": "No network"}]


@pytest.mark.parametrize("choice", [None, ToolChoice("none")])
def test_where_no_tool_may_be_used_what_was_used_is_told_in_words(choice: ToolChoice | None):
    wanted = replace(used(SONNET, "Thanks"), tools=() if choice is None else (WEATHER,), tool_choice=choice)
    assert "toolConfig" not in body(wanted)
    assert blocks(wanted, 1) == [{"text": "[used the tool weather with {}]"}]
    assert blocks(wanted, 2) == [{"text": "[the tool gave: Sun]"}, {"text": "Thanks"}]


def test_a_tool_use_that_is_no_json_object_is_invalid():
    with pytest.raises(Invalid, match="the tool use 'x' is no JSON object"):
        asked(request(SONNET, user("Hi"), assistant(ToolUse("x", "weather", "[1]")), user("Go on"), tools=(WEATHER,)))


@pytest.mark.parametrize(
    ("mode", "choice", "field"),
    [
        (None, None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("any", None, {"type": "any", "disable_parallel_tool_use": True}),
        ("tool", None, {"type": "tool", "disable_parallel_tool_use": True, "name": "weather"}),
    ],
)
def test_one_tool_at_a_time_is_said_where_claude_has_it_and_only_there(mode: Any, choice: Any, field: Any):
    chosen = None if mode is None else ToolChoice(mode, "weather" if mode == "tool" else "")
    sent = body(request(SONNET, tools=(WEATHER,), tool_choice=chosen, parallel_tools=False))
    assert (sent["toolConfig"].get("toolChoice"), sent["additionalModelRequestFields"]["tool_choice"]) == (choice, field)


class TestForms:
    """Answers that are held to a JSON schema."""

    def test_a_model_that_can_is_held_to_the_schema_by_bedrock(self):
        config = body(request(SONNET, output=OutputFormat(CITY, "a city")))["outputConfig"]["textFormat"]
        assert config["type"] == "json_schema"
        definition = config["structure"]["jsonSchema"]
        assert definition["name"] == "a_city"
        assert json.loads(definition["schema"]) == {**CITY, "additionalProperties": False}

    def test_definitions_and_lists_inside_a_schema_are_closed_too(self):
        nested = {"type": "object", "properties": {"cities": {"type": "array", "items": {"$ref": "#/$defs/city"}}}}
        config = body(request(SONNET, output=OutputFormat({**nested, "$defs": {"city": CITY}, "title": "Cities"})))
        schema = json.loads(config["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
        closed_city = {**CITY, "additionalProperties": False}
        assert schema == {**nested, "$defs": {"city": closed_city}, "additionalProperties": False}

    @pytest.mark.parametrize(
        ("model", "schema"),
        [
            (NOVA, CITY),
            (OPUS_4_8, CITY),
            (SONNET, None),
            (SONNET, {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}),
            (SONNET, {"type": "object", "properties": {"any": {"type": "object"}}}),
            (SONNET, TREE),
            (SONNET, {"$ref": "https://example.com/schema"}),
        ],
    )
    def test_others_and_other_schemas_by_a_tool_that_must_be_used(self, model: str, schema: Any):
        wanted = request(model, output=OutputFormat(schema, "city"))
        sent = body(wanted)
        assert "outputConfig" not in sent
        assert sent["toolConfig"]["toolChoice"] == {"any": {}}
        assert sent["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == (schema or {"type": "object"})
        assert asked(wanted).tool == "city"

    def test_beside_other_tools_one_of_them_may_be_used_first(self):
        sent = body(request(NOVA, output=OutputFormat(CITY), tools=(WEATHER,), tool_choice=ToolChoice("auto")))
        assert [each["toolSpec"]["name"] for each in sent["toolConfig"]["tools"]] == ["weather", "answer"]

    @pytest.mark.parametrize(
        ("model", "asks"),
        [
            (LLAMA, {}),
            (NEWEST, {"schema": {"type": "object"}}),
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", {"thinking": 2000}),
        ],
    )
    def test_where_neither_is_possible_it_is_invalid(self, model: str, asks: Any):
        with pytest.raises(Invalid, match="held to this form"):
            asked(request(model, output=OutputFormat(asks.get("schema", CITY)), thinking_tokens=asks.get("thinking")))
