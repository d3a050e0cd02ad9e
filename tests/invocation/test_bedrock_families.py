"""What only some families of Bedrock's models have: thoughts, effort, sampling, and where each wants it."""

import base64
import json
from typing import Any

import pytest

from apps.invocation.adapters.bedrock.families import lost
from apps.invocation.adapters.bedrock.requests import asked
from apps.invocation.adapters.bedrock.wire import path
from apps.invocation.invocations import Text, Thinking
from foundation.errors import Invalid
from tests.invocation.converse import LLAMA, NEWEST, NOVA, OPUS_4_8, SONNET, assistant, blocks, body, extra, request, user


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
