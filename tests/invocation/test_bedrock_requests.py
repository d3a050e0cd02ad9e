"""What is asked of Bedrock: every body is held against botocore's own service model, and against what botocore would send."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.invocation.adapters.bedrock.families import lost
from apps.invocation.adapters.bedrock.requests import asked
from apps.invocation.adapters.bedrock.wire import path
from apps.invocation.invocations import (
    Document,
    Guardrail,
    Image,
    Message,
    OutputFormat,
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
from tests.upstream.bedrock_model import judged, wrong
from tests.upstream.bedrock_server import check

SONNET, NOVA, LLAMA = (
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "eu.amazon.nova-pro-v1:0",
    "meta.llama3-1-70b-instruct-v1:0",
)
NEWEST, OPUS_4_8 = "global.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-4-8"
PNG = base64.b64encode(b"\x89PNG a picture").decode()
PDF = base64.b64encode(b"%PDF-1.7 a document").decode()
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TREE = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}}}
WEATHER = Tool("weather", "The weather in a city.", CITY)


def user(*parts: Any) -> Message:
    return Message(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def request(model: str = SONNET, *messages: Message, **more: Any) -> Request:
    return Request(model, messages or (user("Hi"),), **more)


def body(wanted: Request) -> Any:
    """The JSON that is sent; fails where botocore's service model, botocore itself or Bedrock would not have it so."""
    sent = json.loads(asked(wanted).encoded)
    for operation, action in (("Converse", "converse"), ("ConverseStream", "converse-stream")):
        assert wrong(operation, sent) == []
        check(operation, sent)
        assert judged(operation, wanted.model, sent) == (f"/{path(wanted.model, action)}", sent)
    return sent


def extra(wanted: Request) -> Any:
    return body(wanted).get("additionalModelRequestFields")


def blocks(wanted: Request, turn: int = 0) -> Any:
    return body(wanted)["messages"][turn]["content"]


def test_a_plain_question_is_one_turn_and_nothing_else():
    assert body(request()) == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def test_what_all_models_have_is_their_inference_configuration():
    wanted = request(NOVA, max_tokens=9, temperature=0.0, top_p=0.5, stop=("END",))
    expected = {"maxTokens": 9, "temperature": 0.0, "topP": 0.5, "stopSequences": ["END"]}
    assert body(wanted)["inferenceConfig"] == expected


def test_the_system_prompt_and_the_turns_have_their_cache_points():
    wanted = request(
        SONNET,
        user(Text("A long text", "5m"), "A question"),
        system=(Text("Be brief", "1h"), Text(" ")),
        tools=(replace(WEATHER, cache="5m"),),
    )
    assert body(wanted)["system"] == [{"text": "Be brief"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert blocks(wanted) == [{"text": "A long text"}, {"cachePoint": {"type": "default"}}, {"text": "A question"}]
    assert body(wanted)["toolConfig"]["tools"][-1] == {"cachePoint": {"type": "default"}}


def test_a_model_that_caches_nothing_gets_no_cache_point():
    assert "cachePoint" not in str(body(request(LLAMA, user(Text("Hi", "5m")), system=(Text("Be brief", "5m"),))))


def test_nova_caches_turns_but_no_tools_and_not_for_an_hour():
    sent = body(request(NOVA, user(Text("Hi", "1h")), tools=(replace(WEATHER, cache="5m"),)))
    assert sent["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}
    assert len(sent["toolConfig"]["tools"]) == 1


def test_turns_of_one_role_are_joined_and_empty_ones_left_out():
    wanted = request(SONNET, user("One", " "), user("Two"), assistant("\n"), user("Three"))
    assert blocks(wanted) == [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]


def test_a_conversation_that_says_nothing_is_invalid():
    with pytest.raises(Invalid, match="at least one must say something"):
        asked(request(SONNET, user(" ")))


def test_the_beginning_of_an_answer_ends_without_white_space():
    assert blocks(request(SONNET, user("Hi"), assistant("Hello \n")), 1) == [{"text": "Hello"}]


def test_pictures_and_documents_go_as_their_bytes():
    wanted = request(SONNET, user(Image("image/jpg", PNG), Document("application/pdf", PDF, "A report"), "What is it?"))
    assert blocks(wanted) == [
        {"image": {"format": "jpeg", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "A report", "source": {"bytes": PDF}}},
        {"text": "What is it?"},
    ]


def test_documents_have_names_that_bedrock_takes_and_no_two_the_same():
    names = ["../John's  report_v2.pdf", "../John's  report_v2.pdf", "", "\u202eevil", "x" * 300]
    parts = [Document("text/plain", PDF, name) for name in names]
    found = [block["document"]["name"] for block in blocks(request(SONNET, user(*parts, "Read"))) if "document" in block]
    assert found[:4] == ["John s report v2 pdf", "John s report v2 pdf 2", "document", "evil"]
    assert len(found[4]) < 200


def test_a_document_alone_is_given_a_word_as_bedrock_wants_one():
    assert blocks(request(SONNET, user(Document("text/csv", PDF, "figures"))))[1] == {"text": "figures"}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Image(url="https://example.com/a.png"), "fetches no picture from a URL"),
        (Image("image/tiff", PNG), "'image/tiff'; Bedrock reads image/gif"),
        (Document("application/zip", PDF), "'application/zip'; Bedrock reads"),
        (Document("s3://bucket/key", ""), "Bedrock reads"),
    ],
)
def test_what_bedrock_reads_in_no_form_is_invalid_by_its_name(part: Any, said: str):
    with pytest.raises(Invalid, match=said):
        asked(request(SONNET, user(part, "Hi")))


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


def test_thoughts_go_back_to_models_that_can_prove_them_and_to_no_other():
    turns = (
        user("Hi"),
        assistant(Thinking("I think", "signed"), Thinking("", redacted="EtkE"), Thinking("unsigned"), "Hello"),
        user("Go on"),
    )
    redacted = {"reasoningContent": {"redactedContent": base64.b64encode(b"EtkE").decode()}}
    assert blocks(request(SONNET, *turns), 1) == [
        {"reasoningContent": {"reasoningText": {"text": "I think", "signature": "signed"}}},
        redacted,
        {"text": "Hello"},
    ]
    assert blocks(request(LLAMA, *turns), 1) == [{"text": "Hello"}]


@pytest.mark.parametrize(
    ("model", "asks", "fields"),
    [
        (SONNET, {"thinking_tokens": 2000}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ("us.anthropic.claude-sonnet-4-6", {"thinking_mode": "adaptive"}, {"thinking": {"type": "adaptive"}}),
        (OPUS_4_8, {"thinking_tokens": 2000}, {"thinking": {"type": "adaptive"}}),
        (NEWEST, {"thinking_mode": "between_tools"}, {"thinking": {"type": "between_tools"}}),
        (NEWEST, {"thinking_mode": "off"}, {"thinking": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", {"effort": "high"}, {"reasoning_effort": "high"}),
        ("qwen.qwen3-32b-v1:0", {"effort": "medium"}, {"reasoning_config": "high"}),
        (
            "global.amazon.nova-2-lite-v1:0",
            {"effort": "low"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        (LLAMA, {"thinking_tokens": 2000}, None),
    ],
)
def test_each_family_is_asked_to_think_in_its_own_way(model: str, asks: Any, fields: Any):
    assert extra(request(model, **asks)) == fields


def test_a_profile_of_the_accounts_own_may_say_which_model_is_behind_it():
    arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3"
    wanted = request(f"{arn}#{SONNET}", user(Text("Hi", "5m")), temperature=0.5, top_p=0.9, top_k=5)
    sent = json.loads(asked(wanted).encoded)
    assert (sent["inferenceConfig"], sent["additionalModelRequestFields"]) == ({"temperature": 0.5}, {"top_k": 5})
    assert "cachePoint" in sent["messages"][0]["content"][1]
    assert path(wanted.model, "converse") == path(arn, "converse")


def test_effort_is_bedrocks_own_where_it_has_it():
    assert body(request(NEWEST, effort="xhigh"))["outputConfig"] == {"effort": "xhigh"}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", {"top_k": 40}),
        (NOVA, {"inferenceConfig": {"topK": 40}}),
        ("cohere.command-r-plus-v1:0", {"k": 40, "seed": 7, "frequency_penalty": 0.5}),
        ("mistral.mixtral-8x7b-instruct-v0:1", {"top_k": 40}),
        (LLAMA, None),
        ("arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123", None),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", {"inferenceConfig": {"topK": 40}}),
    ],
)
def test_what_only_some_families_have_goes_where_each_has_it(model: str, fields: Any):
    assert extra(request(model, top_k=40, seed=7, frequency_penalty=0.5)) == fields


@pytest.mark.parametrize(
    ("model", "left"),
    [
        (NOVA, {"temperature": 0.7, "topP": 0.9}),
        (SONNET, {"temperature": 0.7}),
        (OPUS_4_8, None),
        (NEWEST, None),
    ],
)
def test_sampling_that_a_model_refuses_is_left_out(model: str, left: Any):
    assert body(request(model, temperature=0.7, top_p=0.9)).get("inferenceConfig") == left


def test_what_is_left_out_can_be_told_beforehand():
    asks = frozenset({"temperature", "top_p", "top_k", "tools", "stop", "thinking_tokens", "cache", "seed"})
    assert lost(SONNET, asks) == {"top_p", "seed"}
    assert lost(SONNET, asks - {"temperature"}) == {"seed"}
    assert lost(OPUS_4_8, asks) == {"temperature", "top_p", "top_k", "seed"}
    assert lost(LLAMA, asks | {"output"}) == {"top_k", "thinking_tokens", "cache", "seed", "output"}
    assert lost("qwen.qwen3-32b-v1:0", asks) >= {"stop"}
    assert lost("amazon.titan-text-express-v1", asks) >= {"tools", "top_k"}
    assert not lost("some.new-model-v1:0", asks - {"thinking_tokens", "cache", "seed", "top_k"})


def test_a_temperature_that_no_model_of_bedrock_has_is_invalid():
    with pytest.raises(Invalid, match=r"temperature is 1.5; on Bedrock it may be 0 to 1"):
        asked(request(NOVA, temperature=1.5))


def test_a_model_without_system_prompts_reads_them_first():
    wanted = request("mistral.mistral-7b-instruct-v0:2", user("Hi"), system=(Text("Be brief"),))
    assert body(wanted) == {"messages": [{"role": "user", "content": [{"text": "Be brief"}, {"text": "Hi"}]}]}


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


def test_a_guardrail_is_passed_through():
    assert body(request(SONNET, guardrail=Guardrail("xbgw7g293v7o", "DRAFT", trace=True)))["guardrailConfig"] == {
        "guardrailIdentifier": "xbgw7g293v7o",
        "guardrailVersion": "DRAFT",
        "trace": "enabled",
    }


@pytest.mark.parametrize(
    ("tier", "member"),
    [
        ("auto", {}),
        ("default", {"serviceTier": {"type": "default"}}),
        ("flex", {"serviceTier": {"type": "flex"}}),
        ("priority", {"serviceTier": {"type": "priority"}}),
        ("optimized", {"performanceConfig": {"latency": "optimized"}}),
    ],
)
def test_tiers_are_bedrocks_own(tier: str, member: Any):
    assert {name: value for name, value in body(request(service_tier=tier)).items() if name != "messages"} == member


def test_an_unknown_tier_is_invalid():
    with pytest.raises(Invalid, match="service_tier is 'scale'; on Bedrock it may be auto"):
        asked(request(service_tier="scale"))


def test_labels_are_the_metadata_of_bedrocks_log_within_its_limits():
    labels = {"team": "search & find", "größe": "ü" * 400, **{f"n{number}": "x" for number in range(20)}}
    found = body(request(labels=labels))["requestMetadata"]
    assert (len(found), found["team"], found["gr__e"]) == (16, "search _ find", "_" * 256)


TEXTS = st.text(max_size=30)
PARTS = st.one_of(
    st.builds(Text, TEXTS, st.sampled_from([None, "5m", "1h"])),
    st.builds(Image, st.sampled_from(["image/png", "image/webp"]), st.just(PNG)),
    st.builds(Document, st.sampled_from(["application/pdf", "text/plain; charset=utf-8"]), st.just(PDF), TEXTS),
    st.builds(ToolResult, TEXTS, st.lists(st.builds(Text, TEXTS), max_size=2).map(tuple), st.booleans()),
)
SAID = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(ToolUse, TEXTS, st.sampled_from(["weather", "answer"]), st.sampled_from(["", "{}", '{"a": [1, null]}'])),
    st.builds(Thinking, TEXTS, TEXTS, TEXTS),
)
TURNS = st.one_of(
    st.builds(Message, st.just(Role.USER), st.lists(PARTS, max_size=4).map(tuple)),
    st.builds(Message, st.just(Role.ASSISTANT), st.lists(SAID, max_size=4).map(tuple)),
)
MODELS = st.sampled_from(
    [SONNET, NOVA, OPUS_4_8, "mistral.mistral-large-2402-v1:0", "cohere.command-r-v1:0", "zai.glm-4.7", "x.y-v1"]
)
REQUESTS = st.builds(
    Request,
    MODELS,
    st.lists(TURNS, max_size=6).map(lambda turns: (user("Hi"), *turns)),
    st.lists(st.builds(Text, TEXTS, st.sampled_from([None, "1h"])), max_size=2).map(tuple),
    max_tokens=st.sampled_from([None, 5]),
    temperature=st.sampled_from([None, 0.0, 1.0]),
    top_p=st.sampled_from([None, 0.5]),
    top_k=st.sampled_from([None, 5]),
    stop=st.sampled_from([(), ("END",)]),
    seed=st.sampled_from([None, 5]),
    tools=st.sampled_from([(), (WEATHER,), (WEATHER, Tool("clock", "", {}, strict=True, cache="5m"))]),
    tool_choice=st.sampled_from(
        [None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("any"), ToolChoice("tool", "weather")]
    ),
    parallel_tools=st.sampled_from([None, False]),
    output=st.sampled_from([None, OutputFormat(), OutputFormat(CITY)]),
    effort=st.sampled_from([None, "high"]),
    thinking_mode=st.sampled_from([None, "off", "adaptive"]),
    service_tier=st.sampled_from([None, "flex", "optimized"]),
    guardrail=st.sampled_from([None, Guardrail("abc", "1")]),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=20),
)


@given(REQUESTS)
def test_whatever_is_asked_bedrocks_service_model_allows(wanted: Request):
    assert body(wanted)
