"""The real OpenAI SDK, sync and async, with a base URL and an API key alone, against a running platform."""

import base64
import json
import struct
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.running import Api, Platform, wait_for
from tests.upstream.openai_server import OpenAIServer

LOCAL = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"
QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": True,
    },
}
MODELS = "gpt=text:gpt-4o,busy=text:limited,fragile=text:breaks,embedder=embed:text-embedding-3-small"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Place(BaseModel):
    """What an answer is parsed into."""

    city: str
    people: int


@pytest.fixture
def other(gateway: Platform, key: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def test_the_local_model_answers(client: OpenAI):
    answer = client.chat.completions.create(model=LOCAL, messages=QUESTION, temperature=0, max_tokens=20)
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_it_answers_as_a_stream_with_its_tokens(client: OpenAI):
    stream = client.chat.completions.create(
        model=LOCAL, messages=QUESTION, temperature=0, max_tokens=20, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_the_sdks_own_stream_gathers_the_answer(client: OpenAI):
    with client.chat.completions.stream(model="gpt", messages=QUESTION) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == "You said: What is the capital of France?"


def test_a_tool_is_asked_for_and_its_result_is_used(client: OpenAI, upstream: OpenAIServer):
    first = client.chat.completions.create(model="gpt", messages=QUESTION, tools=[WEATHER], tool_choice="required")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    turns: list[Any] = [*QUESTION, message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}]
    then = client.chat.completions.create(model="gpt", messages=turns, tools=[WEATHER])
    assert then.choices[0].message.content == "The tool says: Sunny."
    assert upstream.last["tools"] == [WEATHER]


def test_a_streamed_tool_call_is_gathered_by_the_sdk(client: OpenAI):
    with client.chat.completions.stream(model="gpt", messages=QUESTION, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls
    assert [(each.function.name, each.function.parsed_arguments) for each in calls] == [("weather", {"city": "Paris"})]


def test_an_answer_is_parsed_into_a_schema(client: OpenAI, upstream: OpenAIServer):
    answer = client.chat.completions.parse(model="gpt", messages=QUESTION, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Paris", people=7)
    assert upstream.last["response_format"]["json_schema"]["strict"] is True


def test_a_picture_is_seen(client: OpenAI, upstream: OpenAIServer):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    turns: list[Any] = [{"role": "user", "content": content}]
    answer = client.chat.completions.create(model="gpt", messages=turns)
    assert "a picture at data:image/png" in (answer.choices[0].message.content or "")
    assert upstream.last["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_likelihoods_and_seeds_and_labels(client: OpenAI, upstream: OpenAIServer):
    answer = client.chat.completions.create(
        model="gpt", messages=QUESTION, logprobs=True, top_logprobs=1, seed=3, metadata={"team": "search"}
    )
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content
    assert answer.choices[0].logprobs.content[0].top_logprobs[0].token == "other"
    assert upstream.last["seed"] == 3
    assert "metadata" not in upstream.last


def test_embeddings_come_as_the_sdk_asks_for_them_and_as_numbers(client: OpenAI):
    packed = client.embeddings.create(model=EMBEDDER, input=["hello", "world"])
    numbers = client.embeddings.create(model=EMBEDDER, input=["hello", "world"], encoding_format="float")
    assert [len(each.embedding) for each in packed.data] == [384, 384]
    for one, same in zip(packed.data, numbers.data, strict=True):
        assert one.embedding == pytest.approx(same.embedding, abs=1e-6)
    raw: Any = client.embeddings.create(model=EMBEDDER, input="hello", encoding_format="base64").data[0].embedding
    assert struct.unpack("<384f", base64.b64decode(raw)) == pytest.approx(numbers.data[0].embedding, abs=1e-6)
    assert len(client.embeddings.create(model="embedder", input="hello", dimensions=8).data[0].embedding) == 8


def test_models_are_listed_and_found(client: OpenAI):
    names = [model.id for model in client.models.list()]
    assert {LOCAL, EMBEDDER, "gpt", "embedder"} <= set(names)
    assert client.models.retrieve("gpt").owned_by == "openai_compatible"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")


def test_errors_are_those_that_the_sdk_knows(gateway: Platform, client: OpenAI, key: str):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nothing", messages=QUESTION)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as several:
        client.chat.completions.create(model=LOCAL, messages=QUESTION, n=2)
    assert (several.value.param, several.value.type) == ("n", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=LOCAL, messages=QUESTION, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as unable:
        client.chat.completions.create(model=LOCAL, messages=QUESTION, tools=[WEATHER])
    assert unable.value.param == "tools"
    with pytest.raises(openai.AuthenticationError) as stranger:
        OpenAI(base_url=f"{gateway.url}/v1", api_key="gaf_nobody", max_retries=0).models.list()
    assert stranger.value.code == "invalid_api_key"


def test_a_provider_over_its_limits_is_a_rate_limit(client: OpenAI):
    with pytest.raises(openai.RateLimitError) as limited:
        client.with_options(timeout=120).chat.completions.create(model="busy", messages=QUESTION)
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.request_id


def test_a_stream_that_breaks_off_is_an_error_and_no_answer(client: OpenAI):
    stream = client.chat.completions.create(model="fragile", messages=QUESTION, stream=True)
    reasons = []
    with pytest.raises(openai.APIError, match="failed in its answer") as broken:
        for chunk in stream:
            reasons.append(chunk.choices[0].finish_reason)
    assert "out of memory" not in broken.value.message  # the server's own words are for the log
    assert reasons
    assert set(reasons) == {None}


def test_a_revoked_key_is_soon_refused(gateway: Platform):
    gateway.create_application("short lived")
    made = json.loads(gateway.manage("keys", "create", "short lived", "--json"))
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=made["key"], max_retries=0) as client:
        assert client.models.list().data
        gateway.manage("keys", "revoke", made["id"])

        def is_refused() -> bool:
            try:
                client.models.list()
            except openai.AuthenticationError:
                return True
            return False

        wait_for(is_refused, 10)


async def test_the_async_client_answers_streams_and_embeds(other: AsyncOpenAI):
    async with other as client:
        answer = await client.chat.completions.create(model="gpt", messages=QUESTION, max_tokens=2)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("You said:", "length")
        stream = await client.chat.completions.create(model="gpt", messages=QUESTION, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        assert text == "You said: What is the capital of France?"
        made = await client.embeddings.create(model="embedder", input=["one", "two"])
        assert [each.embedding for each in made.data] == [[1.0, 0.0, 0.0, 0.0]] * 2
        assert "gpt" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="nothing", messages=QUESTION, stream=True)


def test_what_the_sdk_asked_for_is_on_the_account(gateway: Platform):
    key = gateway.new_key("accounted")
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key) as client:
        whole = client.chat.completions.create(model="gpt", messages=QUESTION)
        list(client.chat.completions.create(model="gpt", messages=QUESTION, stream=True))
        client.embeddings.create(model="embedder", input="hello")
    api = Api(gateway.url, key)

    def counted_all() -> Any:
        days = api.get("/usage/daily").json()
        return days if sum(day["total_count"] for day in days) == 3 else None

    counted = {day["model_name"]: day for day in wait_for(counted_all)}
    assert (counted["gpt"]["total_count"], counted["embedder"]["total_count"]) == (2, 1)
    assert whole.usage is not None
    assert counted["gpt"]["total_output_tokens"] == 2 * whole.usage.completion_tokens
