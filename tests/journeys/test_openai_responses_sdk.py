"""The real OpenAI SDK's responses, sync and async, with a base URL and an API key alone, against a running platform."""

import json
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.running import Api, Platform, wait_for
from tests.upstream.openai_server import OpenAIServer

LOCAL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
MODELS = "gpt=text:gpt-4o,busy=text:limited,fragile=text:breaks"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Place(BaseModel):
    """What an answer is parsed into."""

    city: str
    people: int


def test_the_local_model_answers(client: OpenAI):
    answer = client.responses.create(model=LOCAL, input=QUESTION, temperature=0, max_output_tokens=20)
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert "Paris" in answer.output_text
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.usage.input_tokens_details.cached_tokens == answer.usage.output_tokens_details.reasoning_tokens == 0


def test_it_answers_as_a_stream(client: OpenAI):
    stream = client.responses.create(model=LOCAL, input=QUESTION, temperature=0, max_output_tokens=20, stream=True)
    events = list(stream)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert "Paris" in text
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == text
    assert last.response.usage is not None
    assert last.response.usage.output_tokens > 0


def test_an_answer_that_reaches_its_limit_says_so(client: OpenAI):
    answer = client.responses.create(model="gpt", input=QUESTION, max_output_tokens=2)
    assert (answer.status, answer.output_text) == ("incomplete", "You said:")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_the_sdks_own_stream_gathers_the_answer(client: OpenAI):
    with client.responses.stream(model="gpt", input=QUESTION, instructions="Be brief.") as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.created", "response.output_text.delta", "response.output_text.done", "response.completed"} <= kinds
    assert final.output_text == f"You said: {QUESTION}"
    assert final.instructions == "Be brief."


def test_a_function_is_asked_for_and_its_result_is_used(client: OpenAI, upstream: OpenAIServer):
    first = client.responses.create(model="gpt", input=QUESTION, tools=[WEATHER], tool_choice="required")
    call = first.output[0]
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Paris"})
    turns: list[Any] = [
        {"role": "user", "content": QUESTION},
        *first.output,
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."},
    ]
    then = client.responses.create(model="gpt", input=turns, tools=[WEATHER])
    assert then.output_text == "The tool says: Sunny."
    turns += [*(item.model_dump() for item in then.output), {"role": "user", "content": "Thanks."}]
    assert client.responses.create(model="gpt", input=turns).output_text == "You said: Thanks."
    assert [message["role"] for message in upstream.last["messages"]] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_streamed_function_call_is_gathered_by_the_sdk(client: OpenAI):
    with client.responses.stream(model="gpt", input=QUESTION, tools=[WEATHER]) as stream:
        pieces = "".join(event.delta for event in stream if event.type == "response.function_call_arguments.delta")
        final = stream.get_final_response()
    call = final.output[0]
    assert call.type == "function_call"
    assert json.loads(pieces) == json.loads(call.arguments) == call.parsed_arguments == {"city": "Paris"}


def test_an_answer_is_parsed_into_a_schema(client: OpenAI, upstream: OpenAIServer):
    answer = client.responses.parse(model="gpt", input=QUESTION, text_format=Place)
    assert answer.output_parsed == Place(city="Paris", people=7)
    assert upstream.last["response_format"]["json_schema"]["strict"] is True
    with client.responses.stream(model="gpt", input=QUESTION, text_format=Place) as stream:
        assert stream.get_final_response().output_parsed == answer.output_parsed


def test_the_local_model_keeps_to_a_schema(client: OpenAI):
    answer = client.responses.parse(
        model=LOCAL, input="Name a city and how many people live there.", text_format=Place, temperature=0, max_output_tokens=80
    )
    assert isinstance(answer.output_parsed, Place)


def test_pictures_and_documents_are_seen(client: OpenAI, upstream: OpenAIServer):
    content: list[Any] = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]
    turns: list[Any] = [{"role": "user", "content": content}]
    answer = client.responses.create(model="gpt", input=turns)
    assert "a picture at data:image/png" in answer.output_text
    assert "the file a.pdf" in answer.output_text
    assert upstream.last["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_likelihoods_and_labels(client: OpenAI, upstream: OpenAIServer):
    answer = client.responses.create(
        model="gpt", input=QUESTION, include=["message.output_text.logprobs"], top_logprobs=1, metadata={"team": "search"}
    )
    message = answer.output[0]
    assert message.type == "message"
    part = message.content[0]
    assert part.type == "output_text"
    assert part.logprobs
    assert part.logprobs[0].top_logprobs[0].token == "other"
    assert answer.metadata == {"team": "search"}
    assert "metadata" not in upstream.last


def test_what_would_have_to_be_kept_is_refused_by_name(client: OpenAI):
    for kept in ({"store": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}):
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model=LOCAL, input=QUESTION, extra_body=kept)
        assert refused.value.param == next(iter(kept))
    assert client.responses.create(model="gpt", input=QUESTION, store=False).store is False


def test_errors_are_those_that_the_sdk_knows(gateway: Platform, client: OpenAI):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.responses.create(model="nothing", input=QUESTION)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as unable:
        client.responses.create(model=LOCAL, input=QUESTION, tools=[WEATHER])
    assert unable.value.param == "tools"
    with pytest.raises(openai.RateLimitError):
        client.with_options(timeout=120).responses.create(model="busy", input=QUESTION)
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key="gaf_nobody", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.responses.create(model=LOCAL, input=QUESTION)


def test_a_stream_that_breaks_off_is_failed_and_no_answer(client: OpenAI):
    events = list(client.responses.create(model="fragile", input=QUESTION, stream=True))
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    assert "failed in its answer" in last.response.error.message
    assert "out of memory" not in last.response.error.message  # the server's own words are for the log
    with client.responses.stream(model="fragile", input=QUESTION) as stream, pytest.raises(RuntimeError, match="completed"):
        stream.get_final_response()


async def test_the_async_client_answers_and_streams(gateway: Platform, key: str):
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        answer = await client.responses.create(model="gpt", input=QUESTION)
        assert answer.output_text == f"You said: {QUESTION}"
        stream = await client.responses.create(model="gpt", input=QUESTION, stream=True)
        kinds = [event.type async for event in stream]
        assert kinds[-1] == "response.completed"
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="nothing", input=QUESTION, stream=True)


def test_what_the_sdk_asked_for_is_on_the_account(gateway: Platform):
    key = gateway.new_key("accounted")
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key) as client:
        whole = client.responses.create(model="gpt", input=QUESTION)
        list(client.responses.create(model="gpt", input=QUESTION, stream=True))
    api = Api(gateway.url, key)

    def counted_all() -> Any:
        days = api.get("/usage/daily").json()
        return days if sum(day["total_count"] for day in days) == 2 else None

    (counted,) = wait_for(counted_all)
    assert whole.usage is not None
    assert counted["total_output_tokens"] == 2 * whole.usage.output_tokens
