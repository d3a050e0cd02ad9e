"""The real Anthropic SDK, sync and async, with a base URL and an API key alone, against a running platform."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from pydantic import BaseModel

from tests.conftest import free_port
from tests.running import ROOT, Platform, wait_for
from tests.upstream.anthropic_server import KEY, AnthropicServer, read, serving

LOCAL = "smollm2-135m-instruct"
CLAUDE = "claude"
QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = base64.b64encode(b"\x89PNG, or so").decode()


class Place(BaseModel):
    """What an answer is parsed into."""

    city: str
    people: int


@pytest.fixture(scope="module")
def upstream() -> Iterator[AnthropicServer]:
    """A server in Anthropic's manner."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: AnthropicServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has Anthropic's models beside its own."""
    home: Path = tmp_path_factory.mktemp("anthropic") / "home"
    started = Platform(home, free_port(), ANTHROPIC_BASE_URL=upstream.url, ANTHROPIC_API_KEY=KEY)
    for name, identifier in ((CLAUDE, "claude-sonnet-5"), ("busy", "claude-limited"), ("broken", "claude-error-later")):
        started.manage("models", "add", name, "--provider", "anthropic", "--model", identifier)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def client(gateway: Platform, key: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def other(gateway: Platform, key: str) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=gateway.url, api_key=key, max_retries=0)


def read_by(message: Any) -> int:
    """The tokens that were read, from the cache or not."""
    usage = message.usage
    return int(usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens)


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_the_local_model_answers(client: Anthropic):
    answer = client.messages.create(model=LOCAL, messages=QUESTION, max_tokens=20, extra_body={"temperature": 0})
    assert "Paris" in text_of(answer)
    assert (answer.role, answer.model, answer.stop_reason) == ("assistant", LOCAL, "end_turn")
    assert read_by(answer) > 5
    assert answer._request_id
    assert answer.id.endswith(answer._request_id)


def test_anthropics_model_answers_through_the_platforms_key_alone(client: Anthropic, upstream: AnthropicServer, key: str):
    answer = client.messages.create(model=CLAUDE, messages=QUESTION, max_tokens=20, system="Be brief.")
    assert text_of(answer) == "What is the capital of France?"
    assert upstream.body["model"] == "claude-sonnet-5"
    assert upstream.asked[-1].headers["x-api-key"] == KEY
    assert key not in str(upstream.asked[-1].headers)


def test_a_stream_is_read_as_text_and_gathered(client: Anthropic):
    with client.messages.stream(model=LOCAL, messages=QUESTION, max_tokens=20, extra_body={"temperature": 0}) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 3
    assert "Paris" in "".join(pieces) == text_of(final)
    assert final.usage.output_tokens > 3 < read_by(final)
    assert final.stop_reason == "end_turn"


def test_a_stream_is_read_as_events_with_thoughts_and_tools(client: Anthropic):
    thinking: Any = {"type": "adaptive"}
    with client.messages.stream(model=CLAUDE, messages=QUESTION, max_tokens=50, tools=[WEATHER], thinking=thinking) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_message()
    assert {"thinking", "signature", "input_json", "content_block_stop", "message_stop"} <= kinds
    assert [block.type for block in final.content] == ["thinking", "redacted_thinking", "tool_use"]
    assert final.content[0].type == "thinking" and final.content[0].signature
    assert final.content[2].type == "tool_use" and final.content[2].input == {"city": "Paris"}
    assert final.stop_reason == "tool_use"


def test_raw_events_come_with_stream_true(client: Anthropic):
    stream = client.messages.create(model=CLAUDE, messages=QUESTION, max_tokens=50, stream=True)
    kinds = [event.type for event in stream]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


def test_what_the_sdk_got_goes_back_as_it_came(client: Anthropic, upstream: AnthropicServer):
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    first = client.messages.create(model=CLAUDE, messages=QUESTION, max_tokens=2000, tools=[WEATHER], thinking=thinking)
    use = first.content[-1]
    assert use.type == "tool_use"
    result: Any = {"type": "tool_result", "tool_use_id": use.id, "content": "Sunny."}
    turns = [*QUESTION, first.to_param(), {"role": "user", "content": [result]}]
    then = client.messages.create(model=CLAUDE, messages=turns, max_tokens=2000, tools=[WEATHER], thinking=thinking)
    assert text_of(then) == f"{use.id} gave Sunny."
    assert [block["type"] for block in upstream.body["messages"][1]["content"]] == [
        "thinking",
        "redacted_thinking",
        "tool_use",
    ]


def test_the_sdks_tool_runner_goes_round(client: Anthropic):
    @beta_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    runner = client.beta.messages.tool_runner(model=CLAUDE, max_tokens=50, messages=QUESTION, tools=[weather])
    assert text_of(runner.until_done()) == "toolu_0 gave sunny in Paris"


def test_pictures_and_documents_reach_the_model(client: Anthropic):
    content: list[Any] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL}},
    ]
    answer = client.messages.create(model=CLAUDE, messages=[{"role": "user", "content": content}], max_tokens=20)
    assert text_of(answer) == f"image image/png {PIXEL} document application/pdf {PIXEL}"


@pytest.mark.parametrize("model", [CLAUDE, LOCAL])
def test_an_answer_is_parsed_into_a_model_of_the_callers(client: Anthropic, model: str):
    answer = client.messages.parse(model=model, messages=QUESTION, max_tokens=100, output_format=Place)
    assert isinstance(answer.parsed_output, Place)


def test_tokens_are_counted(client: Anthropic, upstream: AnthropicServer):
    counted = client.messages.count_tokens(model=LOCAL, messages=QUESTION, system="Be brief.")
    answer = client.messages.create(model=LOCAL, messages=QUESTION, system="Be brief.", max_tokens=1)
    assert counted.input_tokens == read_by(answer)
    assert client.messages.count_tokens(model=CLAUDE, messages=QUESTION).input_tokens == read(upstream.body)


def test_models_are_listed_by_their_names(client: Anthropic):
    assert {LOCAL, CLAUDE} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(CLAUDE).id == CLAUDE


def test_errors_are_the_sdks_own(client: Anthropic, gateway: Platform):
    asked: dict[str, Any] = {"messages": QUESTION, "max_tokens": 20}
    with pytest.raises(anthropic.NotFoundError) as unknown:
        client.messages.create(model="claude-of-tomorrow", **asked)
    assert unknown.value.type == "not_found_error"
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        client.messages.create(model=LOCAL, extra_body={"temperature": 7}, **asked)
    with pytest.raises(anthropic.RateLimitError) as limited:
        client.messages.create(model="busy", **asked)
    assert limited.value.response.headers["retry-after"] == "1"
    assert limited.value.request_id
    with pytest.raises(anthropic.AuthenticationError), Anthropic(base_url=gateway.url, api_key="gaf_wrong") as stranger:
        stranger.messages.create(model=LOCAL, **asked)


def test_a_stream_that_breaks_raises_and_gives_no_message(client: Anthropic):
    with client.messages.stream(model="broken", messages=QUESTION, max_tokens=20) as stream:
        with pytest.raises(anthropic.APIStatusError) as broken:
            for _ in stream:
                pass
        assert stream.current_message_snapshot.stop_reason is None
    assert broken.value.type == "overloaded_error"


async def test_the_async_client_answers_streams_and_counts(other: AsyncAnthropic):
    answer = await other.messages.create(model=LOCAL, messages=QUESTION, max_tokens=20, extra_body={"temperature": 0})
    assert "Paris" in text_of(answer)
    async with other.messages.stream(model=CLAUDE, messages=QUESTION, max_tokens=20) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(pieces) == text_of(final) == "What is the capital of France?"
    assert (await other.messages.count_tokens(model=LOCAL, messages=QUESTION)).input_tokens > 5
    with pytest.raises(anthropic.NotFoundError):
        await other.messages.create(model="claude-of-tomorrow", messages=QUESTION, max_tokens=20)


def test_a_platform_with_models_of_anthropic_and_no_key_says_so_before_the_first_call(tmp_path: Path):
    alone = Platform(tmp_path / "home", free_port())
    assert "ANTHROPIC_API_KEY" not in alone.manage("prepare")
    alone.manage("models", "add", CLAUDE, "--provider", "anthropic", "--model", "claude-sonnet-5")
    told = subprocess.run(
        [sys.executable, "manage.py", "prepare"], cwd=ROOT, env=alone.environment, capture_output=True, text=True, check=False
    )
    assert "ANTHROPIC_API_KEY is not set" in told.stdout + told.stderr


def test_every_call_is_on_the_account_with_its_tokens(gateway: Platform, client: Anthropic):
    credentials = gateway.create_application("one call")
    made = json.loads(gateway.manage("keys", "create", "one call", "--json"))["key"]
    with Anthropic(base_url=gateway.url, api_key=made) as one:
        answer = one.messages.create(model=CLAUDE, messages=QUESTION, max_tokens=20)
    api = gateway.api(credentials)
    row = wait_for(lambda: api.ok("GET", "/usage/daily"))[0]
    assert row["model_name"] == CLAUDE
    assert (row["total_input_tokens"], row["total_output_tokens"]) == (answer.usage.input_tokens, answer.usage.output_tokens)


def test_a_batch_of_messages_is_answered_by_workers(client: Anthropic):
    asked: list[Any] = [
        {"custom_id": f"n{number}", "params": {"model": model, "max_tokens": 20, "messages": QUESTION}}
        for number, model in enumerate((CLAUDE, "nobody", CLAUDE))
    ]
    batch = client.messages.batches.create(requests=asked)
    assert batch.id in [each.id for each in client.messages.batches.list(limit=1)]
    ended = wait_for(
        lambda: next((b for b in [client.messages.batches.retrieve(batch.id)] if b.processing_status == "ended"), None), 60
    )
    assert (ended.request_counts.succeeded, ended.request_counts.errored) == (2, 1)
    results = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    assert [results[f"n{number}"].type for number in range(3)] == ["succeeded", "errored", "succeeded"]
    assert results["n0"].type == "succeeded" and text_of(results["n0"].message)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.cancel(batch.id)
