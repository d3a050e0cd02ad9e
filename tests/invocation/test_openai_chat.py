"""POST /v1/chat/completions: what the model is asked, what the client gets, and what is refused in its own words."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications.records import Allowance
from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation import keys
from tests.invocation import unruly
from tests.invocation.door import Answer, Door, ask, onboarded
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

CHAT = "/v1/chat/completions"
LOCAL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `upstream` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model("upstream", "", Kind.TEXT, "", prices=Prices(1.0, 2.0, cached=0.5), deployments=(place,)))
        yield server
        services.remove_model("upstream")


async def asked(door: Door, body: Any, **headers: str) -> Any:
    """The JSON of a good answer of `upstream`."""
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **body}, **headers)
    assert answer.status == 200, answer.body
    return answer.json


def chunks(answer: Answer) -> list[Any]:
    """The JSON of the events of a stream that ended as it should."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8"), answer.body
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def deltas(answer: Answer) -> list[Any]:
    """What each chunk of a stream adds."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(answer) if chunk["choices"]]


async def test_an_answer_of_the_local_model_has_openais_form(door: Door):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "temperature": 0})
    body = answer.json
    assert (body["object"], body["model"], body["id"]) == (
        "chat.completion",
        LOCAL,
        f"chatcmpl-{answer.headers['x-request-id']}",
    )
    (choice,) = body["choices"]
    assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
    assert (choice["index"], choice["logprobs"], choice["finish_reason"]) == (0, None, "stop")
    assert choice["message"].keys() == {"role", "content", "refusal"}
    assert "Paris" in choice["message"]["content"]
    counted = body["usage"]
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"] > 0
    assert answer.headers["x-served-by"] == LOCAL


async def test_a_stream_gives_what_the_whole_answer_gives_and_costs_the_same(door: Door):
    wanted = {"model": LOCAL, "messages": QUESTION, "temperature": 0, "max_completion_tokens": 6}
    whole = await door.post(CHAT, wanted)
    stream = await door.post(CHAT, {**wanted, "stream": True, "stream_options": {"include_usage": True}})
    *told, last = chunks(stream)
    assert told[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(delta.get("content") or "" for delta in deltas(stream))
    assert text == whole.json["choices"][0]["message"]["content"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * (len(told) - 1) + ["length"]
    assert all(chunk["usage"] is None for chunk in told)
    assert (last["choices"], last["usage"]) == ([], whole.json["usage"])
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in (*told, last)}) == 1
    rows = await accounted(door, whole, stream)
    assert len({(row.input_tokens, row.output_tokens, row.cost, row.outcome, row.dialect) for row in rows}) == 1
    assert [row.streamed for row in rows] == [False, True]


async def accounted(door: Door, *answers: Answer) -> list[Invocation]:
    """The rows of these answers on the account."""

    def rows() -> list[Invocation]:
        found = {row.invocation: row for row in usage.calls(door.caller.application, limit=500).items}
        return [found[answer.headers["x-request-id"]] for answer in answers if answer.headers["x-request-id"] in found]

    return await eventually(lambda: found if len(found := rows()) == len(answers) else None)


async def test_without_include_usage_no_chunk_tells_tokens(door: Door):
    stream = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "max_tokens": 2, "stream": True})
    assert all("usage" not in chunk for chunk in chunks(stream))


async def test_every_parameter_reaches_the_provider_as_it_was_said(door: Door, upstream: OpenAIServer):
    said = {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 50,
        "stop": ["END", "STOP"],
        "seed": 7,
        "frequency_penalty": -0.5,
        "presence_penalty": 1,
        "logprobs": True,
        "top_logprobs": 3,
        "tools": [WEATHER],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "service_tier": "flex",
        "user": "somebody",
    }
    await asked(door, said)
    assert upstream.last == {"model": "gpt-4o", "messages": QUESTION, **said}


async def test_every_turn_stays_where_and_as_it_is_said(door: Door, upstream: OpenAIServer):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
        {"role": "system", "content": "Be honest."},
        {"role": "assistant", "content": "Well,"},
        {"role": "assistant", "content": "I am"},
    ]
    await asked(door, {"messages": turns})
    assert upstream.last["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "user", "content": "Hello."},
        {"role": "user", "content": "How are you?"},
        {"role": "system", "content": "Be honest."},
        {"role": "assistant", "content": "Well,"},
        {"role": "assistant", "content": "I am"},
    ]


async def test_an_application_that_speaks_alone_is_answered(door: Door, upstream: OpenAIServer):
    await asked(door, {"messages": [{"role": "system", "content": "Say hello."}]})
    assert upstream.last["messages"] == [{"role": "user", "content": "Say hello."}]


async def test_tools_are_asked_for_and_their_results_are_given_back(door: Door, upstream: OpenAIServer):
    first = await asked(door, {"tools": [WEATHER, CLOCK]})
    (choice,) = first["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    calls = choice["message"]["tool_calls"]
    assert [(call["type"], call["function"]["name"]) for call in calls] == [("function", "weather"), ("function", "clock")]
    assert json.loads(calls[0]["function"]["arguments"]) == {"city": "Paris"}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": f"result {call['id']}"} for call in calls]
    then = await asked(door, {"tools": [WEATHER, CLOCK], "messages": [*QUESTION, choice["message"], *results]})
    assert then["choices"][0]["message"]["content"] == "The tool says: result call_1"
    assert upstream.last["messages"][1]["tool_calls"] == calls
    assert upstream.last["messages"][2:] == results


async def test_streamed_tool_calls_come_in_pieces_by_their_index(door: Door, upstream: OpenAIServer):
    stream = await door.post(
        CHAT, {"model": "upstream", "messages": QUESTION, "stream": True, "tools": [WEATHER, {**CLOCK, "type": "function"}]}
    )
    assert chunks(stream)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    pieces = [piece for delta in deltas(stream) for piece in delta.get("tool_calls", ())]
    begun = [piece for piece in pieces if "id" in piece]
    assert [(each["index"], each["type"], each["function"]["name"]) for each in begun] == [
        (0, "function", "weather"),
        (1, "function", "clock"),
    ]
    arguments = ["".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == index) for index in (0, 1)]
    assert [json.loads(each) for each in arguments] == [{"city": "Paris"}, {}]
    assert len(pieces) > len(begun)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "clock"}}, {"type": "function", "function": {"name": "clock"}}),
    ],
)
async def test_a_tool_can_be_demanded(door: Door, upstream: OpenAIServer, choice, told):
    await asked(door, {"tools": [WEATHER, CLOCK], "tool_choice": choice})
    assert upstream.last["tool_choice"] == told


async def test_an_answer_keeps_to_a_schema(door: Door, upstream: OpenAIServer):
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    answer = await asked(door, {"response_format": form})
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"city": "Paris", "people": 7}
    assert upstream.last["response_format"] == form


async def test_pictures_and_documents_reach_the_provider(door: Door, upstream: OpenAIServer):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
        {"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    await asked(door, {"messages": [{"role": "user", "content": content}]})
    assert upstream.last["messages"][0]["content"] == [
        content[0],
        {"type": "image_url", "image_url": {"url": PIXEL}},
        content[2],
        content[3],
    ]


async def test_logprobs_come_whole_and_streamed(door: Door, upstream: OpenAIServer):
    wanted = {"logprobs": True, "top_logprobs": 2}
    whole = (await asked(door, wanted))["choices"][0]["logprobs"]
    assert whole["refusal"] is None
    assert [each["token"] for each in whole["content"]][:2] == ["You", "said:"]
    assert len(whole["content"][0]["top_logprobs"]) == 2
    stream = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **wanted, "stream": True})
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks(stream)]
    assert [each for part in told if part for each in part["content"]] == whole["content"]


async def test_cached_tokens_are_told_and_cost_less(door: Door, upstream: OpenAIServer):
    turns = [{"role": "system", "content": "one two three four"}, *QUESTION]
    answer = await door.post(CHAT, {"model": "upstream", "messages": turns})
    counted = answer.json["usage"]
    assert counted["prompt_tokens_details"]["cached_tokens"] == 4
    (row,) = await accounted(door, answer)
    assert row.cached_tokens == 4
    assert row.cost == (counted["prompt_tokens"] - 4) * 1 + 4 * 0.5 + counted["completion_tokens"] * 2


REFUSED: list[tuple[Any, str]] = [
    ({"n": 2}, "n"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    ({"messages": [{"role": "assistant"}]}, "messages[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"temperature": 3}, "temperature"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ({"tools": [CLOCK], "tool_choice": "always"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format.json_schema.schema"),
    ({"functions": [{"name": "x"}]}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"thinking": {"type": "enabled"}}, "thinking"),
    ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
    ({"metadata": {"name": "x" * 513}}, "metadata"),
    ({"metadata": {"name": 1}}, "metadata"),
    ({"model": None}, "model"),
]


@pytest.mark.parametrize(("changed", "param"), REFUSED, ids=str)
async def test_what_cannot_be_done_is_refused_by_its_name(door: Door, upstream: OpenAIServer, changed, param):
    before = len(upstream.asked)
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **changed})
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param if param != "metadata" else error["param"])
    assert error["param"].startswith(param)
    assert error["message"]
    assert len(upstream.asked) == before


@pytest.mark.parametrize("url", ["", "cat.png", "ftp://x/cat.png", "file:///etc/passwd", "data:image/png,x", "data:;base64,x"])
async def test_a_picture_that_is_none_is_refused_by_its_place(door: Door, upstream: OpenAIServer, url):
    content = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "user", "content": content}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages[0].content[1].image_url.url")


async def test_a_file_by_its_id_is_refused(door: Door, upstream: OpenAIServer):
    content = [{"type": "file", "file": {"file_id": "file-1"}}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "user", "content": content}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages[0].content[0].file.file_id")
    assert "the document itself" in answer.json["error"]["message"]


async def test_members_that_nobody_knows_are_named_in_a_header(door: Door):
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1, "min_p": 0.1, "änd": 1, "a\r\nx-evil": 1}
    for stream in (False, True):
        answer = await door.post(CHAT, {**body, "stream": stream})
        assert answer.headers["x-ignored-parameters"] == "a%0D%0Ax-evil,min_p,%C3%A4nd"
        assert "x-evil" not in answer.headers


async def test_who_speaks_and_how_a_picture_is_looked_at_are_named_in_a_header(door: Door, upstream: OpenAIServer):
    picture = {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}}
    turns = [{"role": "user", "name": "ada", "content": [picture]}, {"role": "user", "name": "bob", "content": "Hi."}]
    answer = await door.post(CHAT, {"model": "upstream", "messages": turns})
    assert answer.headers["x-ignored-parameters"] == "messages.name,image_url.detail"


async def test_an_empty_turn_of_the_model_is_left_out(door: Door, upstream: OpenAIServer):
    await asked(door, {"messages": [*QUESTION, {"role": "assistant", "content": ""}, *QUESTION]})
    assert upstream.last["messages"] == [*QUESTION, *QUESTION]
    answer = await door.post(CHAT, {"model": "upstream", "messages": [{"role": "assistant", "content": ""}]})
    assert (answer.status, answer.json["error"]["param"]) == (400, "messages")


async def test_labels_prompt_and_trace_are_on_the_account(door: Door):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1, "metadata": {"team": "search"}}
    answer = await door.post(CHAT, body, x_labels="stage=test, note=a=b", x_prompt="greeting@3", traceparent=trace)
    (row,) = await accounted(door, answer)
    assert row.labels == {"team": "search", "stage": "test", "note": "a=b"}
    assert (row.prompt, row.trace) == ("greeting 3", trace)


@pytest.mark.parametrize(
    ("header", "value"),
    [("x_labels", "team"), ("x_labels", "=x"), ("x_labels", f"a={'x' * 513}"), ("x_prompt", "greeting"), ("x_prompt", "g@x")],
)
async def test_a_header_without_its_form_is_refused_by_its_name(door: Door, header, value):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION}, **{header: value})
    assert (answer.status, answer.json["error"]["param"]) == (400, header.replace("_", "-"))


@pytest.mark.parametrize(
    "trace", ["", "x", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", f"00-{'0' * 32}-{'1' * 16}-01"]
)
async def test_a_trace_that_is_none_is_left_out(door: Door, trace):
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION, "max_tokens": 1}, traceparent=trace)
    (row,) = await accounted(door, answer)
    assert row.trace == ""


async def test_an_unknown_model_is_404(door: Door):
    answer = await door.post(CHAT, {"model": "nothing", "messages": QUESTION})
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "nothing" in error["message"]


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "invalid_json"), (b"[]", "invalid_value"), (b"{}", "missing_required_parameter")]
)
async def test_a_body_that_is_none_is_400(door: Door, body, code):
    answer = await door.post(CHAT, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


@pytest.mark.parametrize("token", [None, "nonsense", "gaf_nonsense"])
async def test_nobody_is_401_in_openais_words(token):
    answer = await ask("POST", CHAT, json.dumps({"model": LOCAL, "messages": QUESTION}).encode(), token, {})
    assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")


async def test_an_api_key_does_as_a_bearer_and_as_x_api_key(door: Door):
    _, key = keys.create(door.caller.application, door.caller.client, "for tests")
    body = json.dumps({"model": LOCAL, "messages": QUESTION, "max_tokens": 1}).encode()
    for headers in ({"authorization": f"Bearer {key}"}, {"x_api_key": key}):
        answer = await ask("POST", CHAT, body, None, headers)
        assert answer.status == 200, answer.body


async def test_a_model_that_the_application_may_not_call_is_403():
    door = onboarded(models=("all-*",))
    answer = await door.post(CHAT, {"model": LOCAL, "messages": QUESTION})
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")


async def test_over_its_limit_the_application_is_429_and_told_when_to_come_again():
    door = onboarded(allowance=Allowance(requests_per_minute=1))
    body = {"model": LOCAL, "messages": QUESTION, "max_tokens": 1}
    first, second = [await door.post(CHAT, body) for _ in range(2)]
    assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    assert (second.status, second.json["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 0 < int(second.headers["retry-after"]) <= 60


async def test_over_its_budget_the_application_is_402(upstream: OpenAIServer):
    door = onboarded(allowance=Allowance(usd_per_day=0.01))
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, "max_tokens": 10_000})
    assert (answer.status, answer.json["error"]["code"]) == (402, "insufficient_quota")


async def test_a_stream_that_fails_says_so_and_never_looks_complete(door: Door):
    async with unruly.serving(unruly.events(unruly.piece("Hel"), {"error": {"message": "out of memory"}})) as server:
        place = Deployment("unruly", "openai_compatible", "m", base_url=server.url)
        services.save_model(Model("unruly", "", Kind.TEXT, "", deployments=(place,)))
        answer = await door.post(CHAT, {"model": "unruly", "messages": QUESTION, "stream": True})
        services.remove_model("unruly")
    assert answer.status == 200
    *told, last = [json.loads(line.removeprefix("data: ")) for line in answer.body.decode().split("\n\n") if line]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, None]
    assert last["error"]["type"] == "server_error"
    assert "out of memory" in last["error"]["message"]
    assert b"[DONE]" not in answer.body
    (row,) = await accounted(door, answer)
    assert (row.outcome, row.streamed) == ("upstream_failed", True)


async def test_a_stream_that_fails_before_it_begins_has_a_status(door: Door):
    answer = await door.post(CHAT, {"model": "nothing", "messages": QUESTION, "stream": True})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
