"""What Bedrock answers: bodies as it was recorded or is documented to say them, streams of real frames, and its errors.

Recorded: github.com/pydantic/pydantic-ai, tests/models/cassettes/test_bedrock; each test names its file there. What a model
wrote is shortened; members, their order and the counts are as recorded.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from apps.invocation.adapters.bedrock.provider import Bedrock
from apps.invocation.adapters.bedrock.wire import Runtime
from apps.invocation.folding import complete
from apps.invocation.invocations import (
    Completion,
    Event,
    Finish,
    Message,
    OutputFormat,
    Request,
    Role,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolUse,
    Usage,
)
from foundation.errors import (
    Invalid,
    Problem,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)
from tests.upstream.bedrock_model import wrong
from tests.upstream.bedrock_server import BEARER, BedrockServer, Refusal, broken_stream, converse, frame, frames, serving

WEATHER = Tool("temperature", "", {"type": "object"})
CITY = OutputFormat({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}, "city")


@pytest.fixture(scope="module")
def server() -> Iterator[BedrockServer]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def bedrock(server: BedrockServer) -> Bedrock:
    return Bedrock(Runtime(server.url, server.region, BEARER))


def request(model: str = "eu.amazon.nova-micro-v1:0", **more: Any) -> Request:
    return Request(model, (Message(Role.USER, (Text("Hello!"),)),), **more)


async def collected(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def both(bedrock: Bedrock, server: BedrockServer, body: Any, **more: Any) -> Completion:
    """The answer that a body is, which botocore's service model must allow; the stream of it must come to the same."""
    wanted = request(**more)
    assert [fault for fault in wrong("Converse", body, "output") if "there is no member" not in fault] == []
    server.answers[wanted.model] = lambda _: body
    whole = await bedrock.complete(wanted)
    assert await complete(bedrock.stream(wanted)) == ordered(whole)
    return whole


def ordered(completion: Completion) -> Completion:
    """A completion as one that was streamed: its tools after all else."""
    return replace(completion, content=tuple(sorted(completion.content, key=lambda part: isinstance(part, ToolUse))))


async def test_text_with_its_usage(bedrock: Bedrock, server: BedrockServer):
    """test_bedrock_model.yaml"""
    body = {
        "metrics": {"latencyMs": 268},
        "output": {"message": {"content": [{"text": "Hello! How can I assist you today?"}], "role": "assistant"}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 7, "outputTokens": 30, "totalTokens": 37},
    }
    answer = await both(bedrock, server, body)
    assert (answer.text, answer.reason) == ("Hello! How can I assist you today?", StopReason.END)
    assert answer.usage == Usage(7, 30)


async def test_all_tokens_that_were_read_count_whether_the_cache_had_them_or_not(bedrock: Bedrock, server: BedrockServer):
    """test_bedrock_cache_write_and_read.yaml: 1,322 tokens put into the cache, and the next time read from it."""
    counted = {"inputTokens": 2, "outputTokens": 5, "serverToolUsage": {}, "totalTokens": 1329}
    written = {"cacheReadInputTokenCount": 0, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 1322}
    read = {"cacheReadInputTokenCount": 1322, "cacheReadInputTokens": 1322, "cacheWriteInputTokens": 0}
    first = await both(bedrock, server, {**converse([{"text": "21"}]), "usage": {**counted, **written}})
    second = await both(bedrock, server, {**converse([{"text": "21"}]), "usage": {**counted, **read}})
    assert first.usage == Usage(1324, 5, cached_tokens=0, cache_written_tokens=1322)
    assert second.usage == Usage(1324, 5, cached_tokens=1322, cache_written_tokens=0)


async def test_tools_that_are_asked_for(bedrock: Bedrock, server: BedrockServer):
    """test_bedrock_model_retry.yaml, with the tool of test_bedrock_model_structured_output.yaml as a second one."""
    content = [
        {"text": "<thinking> I can use the provided tool. </thinking>\n"},
        {"toolUse": {"input": {"country": "France"}, "name": "get_capital", "toolUseId": "tooluse_Ze_bgl9CSqu8aJv7XD-_Dw"}},
        {"toolUse": {"input": {}, "name": "temperature", "toolUseId": "tooluse_Mj06ft-ITJik1Otgpkc1uA"}},
    ]
    answer = await both(bedrock, server, converse(content, "tool_use"), tools=(WEATHER,))
    assert answer.reason is StopReason.TOOLS
    asked = [(part.id, part.name, json.loads(part.input)) for part in answer.content if isinstance(part, ToolUse)]
    assert asked == [
        ("tooluse_Ze_bgl9CSqu8aJv7XD-_Dw", "get_capital", {"country": "France"}),
        ("tooluse_Mj06ft-ITJik1Otgpkc1uA", "temperature", {}),
    ]


async def test_thoughts_with_their_signature_and_those_that_only_the_model_reads(bedrock: Bedrock, server: BedrockServer):
    """test_bedrock_model_thinking_part_anthropic.yaml and test_bedrock_model_thinking_part_redacted.yaml"""
    content = [
        {"reasoningContent": {"reasoningText": {"signature": "Eu4CCkgIBxAB", "text": "A straightforward question."}}},
        {"reasoningContent": {"redactedContent": "RXU4RUNrZ0lC"}},
        {"text": "Look both ways."},
    ]
    answer = await both(bedrock, server, converse(content))
    assert answer.content == (
        Thinking("A straightforward question.", "Eu4CCkgIBxAB"),
        Thinking("", redacted="Eu8ECkgIB"),
        Text("Look both ways."),
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", StopReason.END),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("stop_sequence", StopReason.STOP),
        ("guardrail_intervened", StopReason.FILTERED),
        ("content_filtered", StopReason.FILTERED),
    ],
)
async def test_why_an_answer_ended(bedrock: Bedrock, server: BedrockServer, said: str, reason: StopReason):
    assert (await both(bedrock, server, converse([{"text": "No."}], said))).reason is reason


async def test_claude_says_which_stop_sequence_ended_it(bedrock: Bedrock, server: BedrockServer):
    """docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, additionalModelResponseFields"""
    model = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    body = {**converse([{"text": "1, 2"}], "stop_sequence"), "additionalModelResponseFields": {"stop_sequence": "3"}}
    answer = await both(bedrock, server, body, model=model, stop=("3",))
    assert server.last.body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert (answer.reason, answer.stop) == (StopReason.STOP, "3")


async def test_an_answer_by_a_tools_input_is_its_text(bedrock: Bedrock, server: BedrockServer):
    """Nova speaks before it uses a tool (test_bedrock_model_retry.yaml): that is no part of the answer."""
    use = {"toolUse": {"input": {"city": "London"}, "name": "city", "toolUseId": "tooluse_1"}}
    spoken = {"text": "<thinking> I use the tool. </thinking>"}
    answer = await both(bedrock, server, converse([spoken, use], "tool_use"), output=CITY)
    assert (json.loads(answer.text), answer.reason) == ({"city": "London"}, StopReason.END)


async def test_a_model_that_does_not_use_the_answers_tool_is_quoted(bedrock: Bedrock, server: BedrockServer):
    answer = await both(bedrock, server, converse([{"text": "I cannot."}]), output=CITY)
    assert (answer.text, answer.reason) == ("I cannot.", StopReason.END)


async def test_a_model_may_use_another_tool_before_it_answers(bedrock: Bedrock, server: BedrockServer):
    use = {"toolUse": {"input": {}, "name": "temperature", "toolUseId": "tooluse_1"}}
    answer = await both(bedrock, server, converse([use], "tool_use"), output=CITY, tools=(WEATHER,))
    assert (answer.reason, answer.content) == (StopReason.TOOLS, (ToolUse("tooluse_1", "temperature", "{}"),))


async def test_a_stream_comes_in_its_pieces(bedrock: Bedrock, server: BedrockServer):
    server.answers["pieces"] = lambda _: b"".join(frames(converse([{"text": "Hello there"}])))
    events = await collected(bedrock.stream(request("pieces")))
    assert events == [TextDelta("Hello"), TextDelta(" there"), Finish(Usage(11, 7), StopReason.END)]


def stream(*parts: bytes) -> bytes:
    """A stream that has begun to answer, and goes on with this."""
    return b"".join(list(frames(converse([{"text": "Hello there"}])))[:2]) + b"".join(parts)


END = frame("messageStop", {"stopReason": "end_turn"})
COUNTED = frame("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}})
ALTERED = bytes([*COUNTED[:-1], COUNTED[-1] ^ 1])


@pytest.mark.parametrize(
    "rest",
    [
        (),
        (END,),
        (COUNTED,),
        (END, COUNTED[:-5]),
        (END, ALTERED),
        (END, frame("metadata", "many")),
        (frame("contentBlockDelta", {"delta": {"text": 5}, "contentBlockIndex": 0}), END, COUNTED),
        (frame("messageStop", {"stopReason": "malformed_tool_use"}), COUNTED),
        (b"\xff" * 64,),
    ],
    ids=["cut", "uncounted", "unfinished", "cut in a frame", "altered", "odd metadata", "odd piece", "malformed", "noise"],
)
async def test_a_stream_that_is_not_whole_has_no_end(bedrock: Bedrock, server: BedrockServer, rest: tuple[bytes, ...]):
    server.answers["half"] = lambda _: stream(*rest)
    events: list[Event] = []
    with pytest.raises(UpstreamFailed):
        async for event in bedrock.stream(request("half")):
            events.append(event)
    assert events[:1] == [TextDelta("Hello")]
    assert not any(isinstance(event, Finish) for event in events)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("throttlingException", TooMany),
        ("modelStreamErrorException", UpstreamFailed),
        ("internalServerException", UpstreamFailed),
        ("serviceUnavailableException", Unavailable),
        ("validationException", Invalid),
    ],
)
async def test_an_exception_in_a_stream_is_the_same_error_as_before_it(
    bedrock: Bedrock, server: BedrockServer, name: str, problem: type[Problem]
):
    server.answers["raises"] = lambda _: stream(frame(name, {"message": "Why it failed."}, "exception"))
    with pytest.raises(problem, match=r"Why it failed\."):
        await collected(bedrock.stream(request("raises")))


async def test_an_error_of_the_stream_itself_is_an_error(bedrock: Bedrock, server: BedrockServer):
    server.answers["breaks"] = lambda _: stream(broken_stream("InternalError", "The stream broke."))
    with pytest.raises(UpstreamFailed, match="The stream broke"):
        await collected(bedrock.stream(request("breaks")))


ON_DEMAND = (
    "Invocation of model ID amazon.nova-2-lite-v1:0 with on-demand throughput isn’t supported. Retry your request with the ID "
    "or ARN of an inference profile that contains this model."
)
LEGACY = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 30 "
    "days. Please upgrade to an active model on Amazon Bedrock"
)
# Words as Bedrock says them: test_bedrock_error.yaml; langchain-ai/langchain-aws#1019; aws-samples/amazon-bedrock-workshop#386;
# aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#708; docs.aws.amazon.com/bedrock/latest/
# userguide/troubleshooting-api-error-codes.html.
REFUSALS: list[tuple[int, str, str, type[Problem], str]] = [
    (400, "ValidationException", "The provided model identifier is invalid.", UnknownModel, "no such model"),
    (400, "ValidationException", ON_DEMAND, UnknownModel, "its own with us., eu., apac."),
    (400, "ValidationException", "Input is too long for requested model.", TooLong, "longer than the model"),
    (400, "ValidationException", "This model doesn't support the stopSequences field.", Invalid, "the stopSequences field"),
    (400, "ServiceQuotaExceededException", "Your request exceeds a quota.", TooMany, "quota"),
    (403, "AccessDeniedException", "You don't have access to the model.", UpstreamDenied, "bedrock:InvokeModel"),
    (403, "ExpiredTokenException", "The security token is expired", UpstreamDenied, "credentials"),
    (404, "ResourceNotFoundException", "This model version has reached the end of its life.", UnknownModel, "models refresh"),
    (404, "ResourceNotFoundException", LEGACY, UnknownModel, "has ended this model"),
    (404, "ResourceNotFoundException", "Model not found.", UnknownModel, "no such model here"),
    (408, "ModelTimeoutException", "Model has timed out", UpstreamTimeout, "in time"),
    (424, "ModelErrorException", "The model failed", UpstreamFailed, "the model failed"),
    (429, "ThrottlingException", "Too many requests, please wait", TooMany, "limits"),
    (429, "ModelNotReadyException", "The model is not ready", Unavailable, "not ready"),
    (500, "InternalServerException", "Unexpected error", UpstreamFailed, "Bedrock failed"),
    (503, "ServiceUnavailableException", "Try again", Unavailable, "overloaded"),
    (418, "TeapotException", "A teapot", UpstreamFailed, "TeapotException"),
]


@pytest.mark.parametrize(("status", "code", "message", "problem", "said"), REFUSALS)
async def test_what_bedrock_refuses_is_the_error_that_it_is(
    bedrock: Bedrock, server: BedrockServer, status: int, code: str, message: str, problem: type[Problem], said: str
):
    server.answers["refuses"] = lambda _: Refusal(status, code, message)
    for ask in (bedrock.complete(request("refuses")), collected(bedrock.stream(request("refuses")))):
        with pytest.raises(problem) as refused:
            await ask
        assert type(refused.value) is problem
        assert said in refused.value.reason
        assert problem is UpstreamDenied or message in refused.value.reason
        told = f": {message}"[:30].rstrip(".") in refused.value.detail
        assert told == issubclass(problem, Invalid)  # others may name the account, its roles, or what is inside of Bedrock


@pytest.mark.parametrize(
    ("message", "headers", "wait"),
    [
        ("Too many requests", {}, 1),
        ("Too many requests", {"Retry-After": "17"}, 17),
        ("Too many tokens per day, please wait before trying again.", {}, 3600),
    ],
)
async def test_bedrock_over_its_limits_says_when_to_come_back(
    bedrock: Bedrock, server: BedrockServer, message: str, headers: Any, wait: int
):
    server.answers["limited"] = lambda _: Refusal(429, "ThrottlingException", message, headers)
    with pytest.raises(TooMany) as refused:
        await bedrock.complete(request("limited"))
    assert refused.value.retry_after == wait


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"output": {}, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}},
        {"output": {"message": {"content": []}}},
        {"message": "The system encountered an unexpected error."},
        {**converse([{"reasoningContent": {"redactedContent": "no base64"}}])},
        converse([{"text": "x"}], "malformed_model_output"),
    ],
)
async def test_a_200_that_is_no_answer_is_a_failure(bedrock: Bedrock, server: BedrockServer, body: Any):
    server.answers["odd"] = lambda _: body
    with pytest.raises(UpstreamFailed):
        await bedrock.complete(request("odd"))


class TestCounts:
    """Tokens that Bedrock counts before a model is asked: test_bedrock_inference_profile_count_tokens.yaml."""

    @pytest.fixture(autouse=True)
    def counting(self, server: BedrockServer) -> Iterator[None]:
        async def count(body: Any) -> int:
            return len(json.dumps(body))

        server.counts = count
        yield
        server.counts = None

    async def test_an_inference_profile_is_counted_by_the_model_behind_it(self, bedrock: Bedrock, server: BedrockServer):
        wanted = request("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", tools=(WEATHER,), max_tokens=5)
        assert await bedrock.count(wanted) == len(json.dumps(server.last.body["input"]["converse"]))
        assert (server.last.action, server.last.model) == ("count-tokens", "anthropic.claude-sonnet-4-5-20250929-v1:0")
        assert set(server.last.body["input"]["converse"]) == {"messages", "toolConfig"}

    async def test_a_model_that_cannot_be_counted_has_no_count(self, bedrock: Bedrock, server: BedrockServer):
        asked = len(server.asked)
        assert await bedrock.count(request("eu.amazon.nova-micro-v1:0")) is None
        assert len(server.asked) == asked
        server.counts = None
        assert await bedrock.count(request("anthropic.claude-3-haiku-20240307-v1:0")) is None
