"""What a model cannot honour is refused by its name, or reported; and a call goes only where nothing of it is lost."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Allowance, Caching
from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from tests.invocation import unruly
from tests.invocation.door import Door, onboarded
from tests.invocation.later import started, worked
from tests.upstream.checking import listed
from tests.upstream.openai_server import OpenAIServer, running

CHAT = "/v1/chat/completions"
LOCAL = "smollm2-135m-instruct"
NOWHERE = "http://127.0.0.1:1"
HERE = Deployment("here", "local_text", LOCAL)
QUESTION = [{"role": "user", "content": "Say hello."}]
TOOLS = [{"type": "function", "function": {"name": "clock"}}]
PICTURE = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
FILE = [{"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server that can do all of it. `able` runs there, `blind` too, though it reads no pictures; `both` runs here as well;
    `falls-back` runs here and, when that is no good, is answered by `able`; `short` writes 50 tokens; `embeds` makes
    vectors, `claude` is nowhere."""
    with running() as server:
        there = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        for model in (
            Model("able", "", Kind.TEXT, "", inputs=("image", "document"), deployments=(there,)),
            Model("blind", "", Kind.TEXT, "", inputs=(), deployments=(there,)),
            Model("short", "", Kind.TEXT, "", output_limit=50, prices=Prices(1.0, 1.0), deployments=(there,)),
            Model("unbounded", "", Kind.TEXT, "", prices=Prices(1.0, 1.0), default_max_tokens=70, deployments=(there,)),
            Model("embeds", "", Kind.EMBED, "", deployments=(there,)),
            Model("both", "", Kind.TEXT, "", deployments=(HERE, there)),
            Model("claude", "", Kind.TEXT, "", deployments=(Deployment("away", "anthropic", "c", base_url=NOWHERE),)),
            Model("falls-back", "", Kind.TEXT, "", deployments=(HERE,), fallbacks=("able",)),
        ):
            services.save_model(model)
        yield server
        for name in ("falls-back", "claude", "both", "embeds", "unbounded", "short", "blind", "able"):
            services.remove_model(name)


async def asked(door: Door, model: str, changed: Any) -> Any:
    return await door.post(CHAT, {"model": model, "messages": QUESTION, "max_tokens": 3, **changed})


CHANGES_MEANING: list[tuple[Any, str]] = [
    ({"tools": TOOLS}, "tools"),
    (
        {
            "messages": [
                *QUESTION,
                {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]},
            ]
        },
        "tools",
    ),
    ({"messages": [{"role": "user", "content": PICTURE}]}, "image_url"),
    ({"messages": [{"role": "user", "content": FILE}]}, "file"),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "thinking"),
    ({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}, "guardrailConfig"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("changed", "param"), CHANGES_MEANING, ids=[param for _, param in CHANGES_MEANING])
async def test_what_changes_the_answer_is_refused_by_the_name_that_it_was_asked_by(
    door: Door, upstream: OpenAIServer, changed, param, stream
):
    answer = await asked(door, LOCAL, {**changed, "stream": stream})
    error = answer.json["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, "unsupported_parameter")
    assert error["message"].startswith(f"{param} cannot be honoured by {LOCAL}; ")


async def test_likelihoods_are_refused_where_a_provider_tells_none(door: Door, upstream: OpenAIServer):
    answer = await asked(door, "claude", {"logprobs": True})
    assert (answer.status, answer.json["error"]["param"]) == (400, "logprobs")


MUTE = unruly.reply(200, {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})


@pytest.mark.parametrize(("reply", "stream"), [(MUTE, False), (unruly.GOOD, True)], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("path", "asks", "told"),
    [
        (CHAT, {"messages": QUESTION, "logprobs": True, "top_logprobs": 2}, "logprobs"),
        ("/v1/responses", {"input": "Say hello.", "top_logprobs": 2}, "top_logprobs"),
    ],
    ids=["chat", "responses"],
)
async def test_likelihoods_that_a_provider_leaves_out_are_told(
    door: Door, reply: bytes, stream: bool, path: str, asks: Any, told: str
):
    async with unruly.serving(reply) as server:
        with listed(Deployment("mute", "openai_compatible", "x", base_url=server.url)) as model:
            answer = await door.post(path, {"model": model, "stream": stream, **asks})
            said = {name: asks[name] for name in asks if "logprobs" not in name}
            plain = await door.post(path, {"model": model, "stream": stream, **said})
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, told)
    assert plain.status == 200
    assert "x-ignored-parameters" not in plain.headers


async def test_a_model_that_can_is_named(door: Door, upstream: OpenAIServer):
    answer = await asked(door, LOCAL, {"tools": TOOLS})
    assert answer.json["error"]["message"].endswith("; able can")
    answered = await asked(door, "ANTHROPIC_CLAUDE_V2", {"tools": TOOLS})
    assert "which answers for ANTHROPIC_CLAUDE_V2" in answered.json["error"]["message"]


async def test_no_model_is_named_that_the_application_may_not_call(upstream: OpenAIServer):
    answer = await asked(onboarded(models=("smollm2*",)), LOCAL, {"tools": TOOLS})
    assert answer.json["error"]["message"].endswith("; no model that this application may call can")


async def test_what_only_tunes_the_answer_is_left_out_and_named_in_a_header(door: Door):
    tuned = {"service_tier": "flex", "user": "u", "reasoning_effort": "low", "top_k": 5}
    for stream in (False, True):
        answer = await asked(door, LOCAL, {**tuned, "stream": stream})
        assert answer.status == 200
        told = answer.headers["x-ignored-parameters"].split(",")
        assert told == ["reasoning_effort", "service_tier", "user"]


async def test_cache_points_and_thoughts_of_others_are_left_out_and_named(door: Door):
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "Hello.", "reasoning_content": "They greet me."},
        {"role": "user", "content": "How are you?"},
    ]
    answer = await asked(door, LOCAL, {"messages": turns})
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, "cache_control,thinking_blocks")


async def test_nothing_is_named_where_all_is_honoured(door: Door, upstream: OpenAIServer):
    answer = await asked(door, "able", {"seed": 1, "tools": TOOLS, "messages": [{"role": "user", "content": PICTURE}]})
    assert answer.status == 200
    assert "x-ignored-parameters" not in answer.headers


async def test_a_picture_for_a_model_that_reads_none_is_refused_though_its_server_would_take_it(
    door: Door, upstream: OpenAIServer
):
    answer = await asked(door, "blind", {"messages": [{"role": "user", "content": PICTURE}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "image_url")


async def test_of_two_deployments_the_call_goes_to_the_one_that_can(door: Door, upstream: OpenAIServer):
    for _ in range(8):
        answer = await asked(door, "both", {"tools": TOOLS})
        assert (answer.status, answer.headers["x-deployment"]) == (200, "there")


async def test_a_fallback_answers_what_the_model_itself_cannot(door: Door, upstream: OpenAIServer):
    answer = await asked(door, "falls-back", {"tools": TOOLS})
    assert (answer.status, answer.headers["x-served-by"]) == (200, "able")
    plain = await asked(door, "falls-back", {})
    assert (plain.status, plain.headers["x-served-by"]) == (200, "falls-back")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_an_answer_that_may_be_no_longer_than_its_model_writes_is_told_so(door: Door, upstream: OpenAIServer, stream):
    answer = await asked(door, "short", {"max_tokens": 200, "stream": stream})
    assert (answer.status, answer.headers["x-adjusted-parameters"]) == (200, "max_tokens=50")
    assert upstream.last["max_tokens"] == 50
    fitting = await asked(door, "short", {"max_tokens": 50, "stream": stream})
    assert "x-adjusted-parameters" not in fitting.headers
    body = {"model": "short", "input": "Say hello.", "max_output_tokens": 200, "stream": stream}
    assert (await door.post("/v1/responses", body)).headers["x-adjusted-parameters"] == "max_output_tokens=50"


async def test_an_answer_that_a_budget_bounds_is_told_so(upstream: OpenAIServer):
    spender = onboarded(allowance=Allowance(usd_per_day=5.0))
    answer = await asked(spender, "unbounded", {"max_tokens": None})
    assert (answer.status, answer.headers["x-adjusted-parameters"]) == (200, "max_tokens=70")
    assert "x-adjusted-parameters" not in (await asked(spender, "unbounded", {"max_tokens": 71})).headers


async def test_a_kept_answer_says_the_same_of_its_request_as_the_new_one(upstream: OpenAIServer):
    cached = onboarded(caching=Caching(exact=True))
    said = ("x-ignored-parameters", "x-adjusted-parameters")
    question = {"messages": [{"role": "user", "content": "Keep this."}], "max_tokens": 200, "top_k": 3}
    new = await asked(cached, "short", question)
    await until_kept(cached, "short", question)
    kept = await asked(cached, "short", question)
    assert (kept.headers["x-cache"], [kept.headers[each] for each in said]) == ("exact", ["top_k", "max_tokens=50"])
    assert [new.headers[each] for each in said] == ["top_k", "max_tokens=50"]


async def until_kept(door: Door, model: str, changed: Any) -> None:
    """An answer is kept soon after it was given."""
    for _ in range(100):
        if "x-cache" in (await asked(door, model, changed)).headers:
            return
    raise AssertionError("the answer was not kept")


async def test_what_the_application_says_later_stays_there_or_its_move_is_told(door: Door, upstream: OpenAIServer):
    turns = [*QUESTION, {"role": "assistant", "content": "Hello."}, {"role": "system", "content": "Be brief."}, *QUESTION]
    kept = await asked(door, "able", {"messages": turns})
    assert (kept.status, upstream.last["messages"]) == (200, turns)
    assert "x-adjusted-parameters" not in kept.headers
    assert "x-adjusted-parameters" not in (await asked(door, LOCAL, {"messages": turns})).headers


async def test_every_member_that_nobody_knows_is_named_wherever_it_stands(door: Door, upstream: OpenAIServer):
    changed = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi.", "weight": 2}], "mood": "calm", "annotations": []},
            {"role": "user", "content": "Hello.", "mood": "glad", "audio": None},
        ],
        "tools": [{"type": "function", "function": {"name": "clock", "strictness": 3, "parameters": {"type": "object"}}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "draft": 7}},
        "stream_options": {"include_obfuscation": True, "pace": 1},
    }
    for stream in (False, True):
        answer = await asked(door, "able", {**changed, "stream": stream})
        assert answer.status == 200, answer.body
        assert set(answer.headers["x-ignored-parameters"].split(",")) == {
            "messages.content.weight",
            "messages.mood",
            "response_format.json_schema.draft",
            "stream_options.include_obfuscation",
            "stream_options.pace",
            "tools.function.strictness",
        }


async def test_a_forms_description_is_passed_on_or_named(door: Door, upstream: OpenAIServer):
    schema = {"name": "n", "schema": {"type": "object"}, "description": "A person."}
    form = {"response_format": {"type": "json_schema", "json_schema": schema}}
    answer = await asked(door, "able", form)
    assert upstream.last["response_format"]["json_schema"] == schema
    assert "x-ignored-parameters" not in answer.headers
    told = await asked(door, LOCAL, form)
    assert (told.status, told.headers["x-ignored-parameters"]) == (200, "response_format.json_schema.description")


async def test_the_user_of_an_embedding_or_a_ranking_is_named_as_no_provider_gets_it(door: Door, upstream: OpenAIServer):
    answer = await door.post("/v1/embeddings", {"model": "embeds", "input": "Hi.", "user": "somebody"})
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, "user")
    assert "x-ignored-parameters" not in (await door.post("/v1/embeddings", {"model": "embeds", "input": "Hi."})).headers


async def test_the_contracts_own_dialect_only_reports(door: Door, upstream: OpenAIServer):
    body = {"model_name": "able", "prompt": "Say hello.", "top_k": 3, "unknown": 1}
    answer = await door.post("/model/invoke", body)
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, "top_k,unknown")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/model/invoke", {"model_name": "able", "prompt": "Say hello."}, {"top_k": 5}),
        (
            "/model/invoke_with_raw_input",
            {"model_id": "able", "raw_input": {"prompt": "Say hello."}},
            {"raw_input": {"prompt": "Say hello.", "topK": 5}},
        ),
    ],
)
async def test_the_contracts_own_defaults_are_not_reported_as_if_the_caller_had_said_them(
    door: Door, upstream: OpenAIServer, path, body, said
):
    plain, asked_for = await door.post(path, body), await door.post(path, {**body, **said})
    assert (plain.status, asked_for.status) == (200, 200)
    assert "x-ignored-parameters" not in plain.headers
    assert asked_for.headers["x-ignored-parameters"] == "top_k"


@pytest.mark.parametrize(("said", "reported"), [({}, None), ({"top_k": 5}, "top_k")], ids=["default", "said"])
async def test_the_same_of_an_asynchronous_call(door: Door, upstream: OpenAIServer, said, reported):
    invocation = await started(door, model_name="able", **said)
    await worked(door, invocation)
    answer = await door.get(f"/model/async_output/{invocation}")
    assert (answer.json["status"], answer.headers.get("x-ignored-parameters")) == ("SUCCESS", reported)


async def test_what_stands_beside_the_texts_of_a_turn_is_reported_by_the_contracts_paths(door: Door, upstream: OpenAIServer):
    turn = {"role": "user", "content": [{"text": "Say hello.", "type": "text", "mood": "calm"}]}
    answer = await door.post("/model/invoke", {"model_name": "able", "prompt": [turn]})
    assert (answer.status, answer.headers["x-ignored-parameters"]) == (200, "prompt.content.mood")
    plain = await door.post("/model/invoke", {"model_name": "able", "prompt": "Say hello."})
    assert {"x-ignored-parameters", "x-adjusted-parameters"}.isdisjoint(plain.headers)


async def test_what_of_a_raw_body_nobody_reads_is_reported(door: Door):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 3,
        "maxTokens": 4,
        "textGenerationConfig": {"temperature": 0, "draft": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi.", "mood": "calm"}]}],
    }
    answer = await door.post("/model/invoke_with_raw_input", {"model_id": LOCAL, "raw_input": body})
    assert answer.status == 200, answer.body
    assert answer.headers["x-ignored-parameters"].split(",") == [
        "raw_input.anthropic_version",
        "raw_input.maxTokens",
        "raw_input.messages.content.mood",
        "raw_input.textGenerationConfig.draft",
    ]


@pytest.mark.parametrize(("model", "adjusted"), [("blind", "document=text"), ("able", None)])
async def test_a_document_of_plain_text_is_given_as_its_text_to_a_model_that_reads_no_documents(
    door: Door, upstream: OpenAIServer, model, adjusted
):
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    content = [{"type": "document", "title": "notes", "source": source}, {"type": "text", "text": "What does it say?"}]
    body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": content}]}
    answer = await door.post("/v1/messages", body)
    assert (answer.status, answer.headers.get("x-adjusted-parameters")) == (200, adjusted)
    said = json.dumps(upstream.last["messages"], ensure_ascii=False)
    assert "notes:\\nGrüße" in said


async def test_a_document_of_plain_text_that_cannot_be_read_is_refused_by_its_name(door: Door, upstream: OpenAIServer):
    broken = [{"type": "file", "file": {"filename": "notes.txt", "file_data": "data:text/plain;base64,x"}}]
    answer = await asked(door, "blind", {"messages": [{"role": "user", "content": broken}]})
    assert (answer.status, answer.json["error"]["message"]) == (400, "the document notes.txt is not base64")
