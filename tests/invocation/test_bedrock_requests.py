"""What is asked of Bedrock, of any model: its turns, pictures, documents, caching, guardrails, tiers and labels."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.invocation.adapters.bedrock.requests import asked
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
from tests.invocation.converse import (
    CITY,
    LLAMA,
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
