"""What every provider of models promises. Those for OpenAI's and Anthropic's APIs speak to a real server: llama.cpp's own;
the one for Bedrock to the server of tests/upstream, behind which the same model speaks."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import jsonschema
import numpy as np
import pytest
from asgiref.sync import async_to_sync
from msgspec.structs import replace

from apps.invocation.adapters.anthropic.provider import AnthropicApi
from apps.invocation.adapters.bedrock.provider import Bedrock
from apps.invocation.adapters.bedrock.wire import Runtime
from apps.invocation.adapters.local.embeddings import LocalEmbeddings
from apps.invocation.adapters.local.text import CARRIER, MODEL, LocalText, carried
from apps.invocation.adapters.openai.provider import OpenAICompatible
from apps.invocation.folding import complete
from apps.invocation.invocations import Event, Finish, Message, OutputFormat, Request, Role, StopReason, Text, TextDelta
from apps.invocation.ports import CountsTokens, Provider
from foundation.errors import Invalid
from foundation.settings import CHOSEN
from tests.upstream import bedrock_server
from tests.upstream.bedrock_voice import Voice

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["city", "size"],
    "additionalProperties": False,
}

COUNTED = "anthropic.claude-3-5-haiku-20241022-v1:0"


@dataclass(frozen=True)
class Stage:
    """A provider, and a model of it."""

    provider: Provider
    model: str

    def request(self, prompt: str, **more) -> Request:
        return Request(self.model, (Message(Role.USER, (Text(prompt),)),), **{"temperature": 0.0, "max_tokens": 16, **more})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A llama.cpp server with a text model that can also embed, behind a key."""
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path, params.model_alias = str(carried(*CARRIER)), {MODEL}
    params.n_ctx, params.n_parallel, params.cache_ram_mib = 4096, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.chat_template, params.api_keys, params.ui, params.verbosity = "chatml", ["a key"], False, -1
    running = Server(params)
    yield str(running.listening_address)


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Bedrock]:
    """Bedrock with the text model of this machine, under its name and under that of a model whose tokens are counted."""
    with bedrock_server.serving() as running:
        Voice(LocalText(60)).lend(running, MODEL, COUNTED)
        yield Bedrock(Runtime(running.url, running.region, bedrock_server.BEARER))


def staged(request: pytest.FixtureRequest) -> Stage:
    """The provider that a fixture's parameter names."""
    if request.param == "local_text":
        return Stage(LocalText(60), MODEL)
    if request.param.startswith("bedrock"):
        return Stage(request.getfixturevalue("bedrock"), MODEL if request.param == "bedrock" else COUNTED)
    server = request.getfixturevalue("server")
    if request.param == "anthropic":
        return Stage(AnthropicApi(server, "a key", "the key"), MODEL)
    return Stage(OpenAICompatible(f"{server}/v1", "a key"), MODEL)


@pytest.fixture(params=["local_text", "openai_compatible", "anthropic", "bedrock"])
def text(request: pytest.FixtureRequest) -> Stage:
    return staged(request)


@pytest.fixture(params=["local_text", "openai_compatible"])
def able(request: pytest.FixtureRequest) -> Stage:
    """A provider whose server knows seeds, likelihoods, penalties and schemas: llama.cpp does not by Anthropic's API, which
    has only schemas; see tests/invocation/test_anthropic_messages.py for those."""
    return staged(request)


@pytest.fixture(params=["local_text", "anthropic", "bedrock_counted"])
def counting(request: pytest.FixtureRequest) -> Stage:
    return staged(request)


async def collected(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


@pytest.fixture(scope="module")
def provider() -> Provider:
    return LocalEmbeddings(CHOSEN)


class TestTextProviders:
    """Providers of text."""

    async def test_an_answer_comes_in_pieces_and_ends_with_its_one_finish(self, text: Stage):
        events = await collected(text.provider.stream(text.request("Count to five.")))
        assert all(isinstance(event, TextDelta) and event.text for event in events[:-1])
        assert len(events) > 3
        assert isinstance(events[-1], Finish)
        assert events[-1].usage.input_tokens > 3 < events[-1].usage.output_tokens <= 16

    async def test_an_answer_that_reaches_max_tokens_says_so(self, text: Stage):
        cut = await complete(text.provider.stream(text.request("Tell me a long story.", max_tokens=4)))
        whole = await complete(text.provider.stream(text.request("What is the capital of France?", max_tokens=60)))
        assert (cut.reason, cut.usage.output_tokens) == (StopReason.LENGTH, 4)
        assert whole.reason is StopReason.END

    async def test_a_system_prompt_and_earlier_turns_reach_the_model(self, text: Stage):
        turns = (
            Message(Role.USER, (Text("My name is Bob."),)),
            Message(Role.ASSISTANT, (Text("Hello Bob."),)),
            Message(Role.USER, (Text("What is my name?"),)),
        )
        asked = (Request(text.model, turns[2:]), Request(text.model, turns), Request(text.model, turns, (Text("Be brief."),)))
        read = [(await complete(text.provider.stream(replace(each, max_tokens=1)))).usage.input_tokens for each in asked]
        assert read[0] + 10 < read[1] < read[2]

    async def test_stop_sequences_end_the_answer(self, text: Stage):
        answer = await complete(text.provider.stream(text.request("Count from 1 to 9 in digits.", stop=("5",), max_tokens=60)))
        assert "5" not in answer.text

    async def test_the_answer_is_the_same_whole_and_streamed(self, text: Stage):
        asked = text.request("What is the capital of France?")
        whole, streamed = await text.provider.complete(asked), await complete(text.provider.stream(asked))
        assert whole.content == streamed.content
        assert (whole.reason, whole.usage.output_tokens) == (streamed.reason, streamed.usage.output_tokens)

    async def test_the_answer_keeps_to_a_json_schema(self, able: Stage):
        for schema, kind in ((CITY, dict), ({"type": "array", "items": {"type": "integer"}, "maxItems": 3}, list)):
            asked = able.request("Name a city of France and its size.", output=OutputFormat(schema), max_tokens=100)
            made = json.loads((await able.provider.complete(asked)).text)
            assert isinstance(made, kind)
            jsonschema.validate(made, schema)

    async def test_the_answer_is_any_json_object_where_no_schema_is_said(self, able: Stage):
        asked = able.request("Name a city of France.", output=OutputFormat(), max_tokens=200, seed=1)
        assert isinstance(json.loads((await able.provider.complete(asked)).text), dict)

    async def test_a_json_schema_that_is_none_is_invalid(self, able: Stage):
        with pytest.raises(Invalid, match="nonsense"):
            await able.provider.complete(able.request("Hi", output=OutputFormat({"type": "nonsense"})))

    async def test_a_seed_gives_the_same_answer_again(self, able: Stage):
        def asked(seed: int) -> Request:
            return able.request("Tell me a story.", temperature=1.5, seed=seed)

        first, second, other = [await able.provider.complete(asked(seed)) for seed in (1, 1, 2)]
        assert first.text == second.text != other.text

    @pytest.mark.parametrize("beside", [0, 2])
    async def test_likelihoods_come_with_each_token(self, able: Stage, beside: int):
        answer = await able.provider.complete(able.request("What is the capital of France?", logprobs=beside))
        assert "".join(each["token"] for each in answer.logprobs).strip() == answer.text.strip()
        assert all(each["logprob"] <= 0 and len(each["top_logprobs"]) == beside for each in answer.logprobs)

    async def test_penalties_keep_the_model_from_saying_the_same_again(self, able: Stage):
        prompt = "Repeat the word red twenty times."
        plain, held = [
            await able.provider.complete(able.request(prompt, max_tokens=40, frequency_penalty=much, presence_penalty=much))
            for much in (-2.0, 2.0)
        ]
        assert len(set(held.text.split())) > len(set(plain.text.split()))

    async def test_cancelling_a_whole_answer_frees_the_model_for_the_next(self, text: Stage):
        for _ in range(4):
            asked = asyncio.ensure_future(text.provider.complete(text.request("Tell me a long story.", max_tokens=2000)))
            await asyncio.wait((asked,), timeout=0.3)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        assert (await text.provider.complete(text.request("Say hello."))).text

    async def test_a_prompt_that_is_too_long_is_invalid(self, text: Stage):
        with pytest.raises(Invalid):
            await complete(text.provider.stream(text.request("word " * 6000)))

    async def test_closing_the_stream_early_frees_the_model_for_the_next(self, text: Stage):
        for _ in range(4):
            events = text.provider.stream(text.request("Tell me a long story.", max_tokens=2000))
            async for _event in events:
                break
            await events.aclose()
        assert (await complete(text.provider.stream(text.request("Say hello.")))).text

    async def test_many_callers_at_once_are_all_answered(self, text: Stage):
        asked = [complete(text.provider.stream(text.request("What is the capital of France?"))) for _ in range(5)]
        assert all("Paris" in answer.text for answer in await asyncio.gather(*asked))

    def test_it_works_on_one_event_loop_after_another(self, text: Stage):
        def once() -> str:
            return async_to_sync(complete)(text.provider.stream(text.request("Say hello."))).text

        assert once() and once()

    async def test_preparing_twice_is_as_good_as_once(self, text: Stage):
        text.provider.prepare()
        text.provider.prepare()


class TestCountingProviders:
    """Providers that count the tokens of a request before the model is asked."""

    async def test_the_count_is_what_the_model_then_reads(self, counting: Stage):
        turns = (
            Message(Role.USER, (Text("My name is Jürgen."),)),
            Message(Role.ASSISTANT, (Text("Hello Jürgen."),)),
            Message(Role.USER, (Text("What is my name?"),)),
        )
        for asked in (counting.request("Hi"), Request(counting.model, turns, (Text("Be brief."),), max_tokens=1)):
            assert isinstance(counting.provider, CountsTokens)
            counted = await counting.provider.count(asked)
            assert counted == (await counting.provider.complete(asked)).usage.input_tokens > 3


class TestEmbeddingProviders:
    """Providers of embeddings; the OpenAI-compatible one is in tests/invocation, as no real server here embeds well."""

    async def test_every_text_gets_its_unit_vector(self, provider: Provider):
        made = await provider.embed("all-minilm-l6-v2", [f"text {number}" for number in range(40)])
        assert np.array(made.vectors).shape == (40, 384)
        assert np.abs(np.linalg.norm(made.vectors, axis=1) - 1).max() < 1e-5
        assert made.input_tokens >= 40 * 4

    async def test_it_writes_no_text(self, provider: Provider):
        with pytest.raises(Invalid):
            await complete(provider.stream(Request("all-minilm-l6-v2", (Message(Role.USER, (Text("Hi"),)),))))

    def test_it_works_on_one_event_loop_after_another(self, provider: Provider):
        first, second = (async_to_sync(provider.embed)("all-minilm-l6-v2", ["a"]).vectors for _ in range(2))
        assert first == second
