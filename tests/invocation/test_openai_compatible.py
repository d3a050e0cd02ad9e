"""The OpenAI-compatible provider against a server that misbehaves on the wire (faults 34 to 44)."""

import asyncio
import math

import pytest
from asgiref.sync import async_to_sync

from apps.invocation.adapters.http import Timeouts
from apps.invocation.adapters.openai.provider import OpenAICompatible
from apps.invocation.folding import complete
from apps.invocation.invocations import Completion, Message, Request, Role, StopReason, Text
from foundation.errors import (
    Blocked,
    Invalid,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)
from tests.conftest import free_port
from tests.invocation.unruly import GOOD, USAGE, Unruly, events, piece, reply, serving

ASKED = Request("llama3.2", (Message(Role.USER, (Text("Hi there"),)),), (Text("Be brief."),), 50, 0.0, 0.9, 40, ("\\n",))
PATIENT = Timeouts(connect=10, first=10, idle=10, total=30)
IMPATIENT = Timeouts(connect=10, first=0.2, idle=0.2, total=30)


def provider(server: Unruly, timeouts: Timeouts = PATIENT) -> OpenAICompatible:
    return OpenAICompatible(server.url, "sk-1", timeouts=timeouts)


async def answered(server: Unruly) -> Completion:
    return await complete(provider(server).stream(ASKED))


async def test_a_good_answer_and_what_was_asked_for_it():
    async with serving(GOOD) as server:
        answer = await answered(server)
    assert (answer.text, answer.usage.input_tokens, answer.usage.output_tokens) == ("Hello", 11, 2)
    assert "Authorization: Bearer sk-1" in server.asked[0]["head"]
    assert server.asked[0]["body"] == {
        "model": "llama3.2",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi there"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
        "temperature": 0.0,
        "top_p": 0.9,
        "stop": ["\\n"],
    }


async def test_a_server_that_does_not_stream_is_understood():
    whole = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "length"}], **{"usage": USAGE["usage"]}}
    async with serving(reply(200, whole)) as server:
        answer = await answered(server)
    assert (answer.text, answer.reason, answer.usage.output_tokens) == ("Hello", StopReason.LENGTH, 2)


async def test_40_missing_usage_is_estimated_at_four_characters_a_token():
    async with serving(events(piece("Hello", "stop"))) as server:
        answer = await answered(server)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.estimated) == (5, 2, True)


BAD_STATUS = [
    (34, reply(429, {"error": {"message": "slow down"}}, Retry_After="7"), TooMany, "slow down", 7),
    (34, reply(429, {"error": {"message": "slow down"}}, Retry_After="2.2"), TooMany, "slow down", 3),
    (34, reply(429, {"error": {"message": "slow down"}}, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), TooMany, "slow", 0),
    (34, reply(429, {"error": {"message": "slow down"}}, Retry_After="99999999999"), TooMany, "slow down", 3600),
    (34, reply(429, {"error": {"message": "slow down"}}, Retry_After="soon"), TooMany, "slow down", None),
    (34, reply(429, {"error": {"message": "slow down"}}), TooMany, "slow down", None),
    (35, reply(500, "boom"), UpstreamFailed, "500", None),
    (35, reply(502, b"<html>bad gateway</html>", "text/html"), UpstreamFailed, "502", None),
    (35, reply(503, {"error": "loading"}), Unavailable, "loading", None),
    (35, reply(529, {}), Unavailable, "overloaded", None),
    (41, reply(200, {"error": {"message": "no memory"}}), UpstreamFailed, "no memory", None),
    (43, reply(400, {"error": {"message": "maximum context length is 8192 tokens"}}), TooLong, "8192", None),
    (43, reply(404, {"error": {"message": "model 'x' not found"}}), UnknownModel, "model 'x' not found", None),
    (43, reply(401, {"error": {"message": "bad key"}}), UpstreamDenied, "a request without a key", None),
    (43, reply(400, {"error": {"message": "filtered", "code": "content_filter"}}), Blocked, "filtered", None),
    (43, reply(400, {"error": {"message": "no such member"}}), Invalid, "no such member", None),
    (43, reply(422, {"detail": "bad tools"}), Invalid, "bad tools", None),
    (35, reply(302, b"", Location="http://127.0.0.1/elsewhere"), UpstreamFailed, "302", None),
    (35, reply(500, b"x" * 1_000_000, "text/plain"), UpstreamFailed, "xxx", None),
    (43, reply(403, {}), UpstreamDenied, "a request without a key", None),
]


@pytest.mark.parametrize(("fault", "bytes_", "error", "said", "retry_after"), BAD_STATUS)
async def test_a_bad_status_is_an_error_of_ours_with_the_servers_words(fault, bytes_, error, said, retry_after):
    async with serving(bytes_) as server:
        with pytest.raises(error, match=said) as raised:
            await answered(server)
    assert type(raised.value) is error
    assert raised.value.retry_after == retry_after
    assert len(server.asked) == 1


BAD_ANSWER = [
    (38, events(piece("Hel"), end=b"")),
    (38, events(piece("Hel"))),
    (39, events(piece("Hel"), {"error": {"message": "out of memory"}})),
    (40, events(b"{not json")),
    (40, events(b"\xff\xfe")),
    (40, events({"choices": []})),
    (40, reply(200, b"<html></html>", "text/html")),
    (40, reply(200, {"choices": []})),
    (40, reply(200, {"choices": "none"})),
    (40, events(b"[" * 100_000)),
    (40, events(b'"' + b"x" * 3_000_000 + b'"')),
    (36, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    (36, b"not http at all\r\n\r\n"),
    (36, b""),
]


BAD_WHOLE = [
    (40, reply(200, b"{not json")),
    (40, reply(200, b"<html></html>", "text/html")),
    (40, reply(200, {"choices": []})),
    (40, reply(200, {"choices": [{"message": {"content": "Hi"}}]})),
    (40, reply(200, [1])),
    (41, reply(200, {"error": {"message": "no memory"}})),
    (41, reply(200, {"error": "no memory"})),
    (38, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"),
    (36, b""),
]


@pytest.mark.parametrize(("fault", "bytes_"), BAD_WHOLE)
async def test_a_whole_answer_that_is_none_fails(fault, bytes_):
    async with serving(bytes_) as server:
        with pytest.raises(UpstreamFailed):
            await provider(server).complete(ASKED)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("fault", "bytes_"), BAD_ANSWER)
async def test_an_answer_that_is_none_fails_and_never_looks_complete(fault, bytes_):
    async with serving(bytes_) as server:
        with pytest.raises(UpstreamFailed):
            await answered(server)
    assert len(server.asked) == 1


async def test_36_a_server_that_does_not_listen_is_unavailable():
    with pytest.raises(Unavailable, match="cannot be reached"):
        await answered(Unruly(free_port()))


async def test_37_a_hang_before_the_first_byte_ends_in_time():
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hang) as server:
        with pytest.raises(UpstreamTimeout):
            await complete(provider(server, IMPATIENT).stream(ASKED))


async def test_37_a_hang_in_mid_stream_ends_in_time():
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(events(piece("Hel"), end=b""))
        await reader.read()

    async with serving(hang) as server:
        with pytest.raises(UpstreamTimeout):
            await complete(provider(server, IMPATIENT).stream(ASKED))


async def test_a_stream_whose_connection_stays_open_after_its_end_is_complete():
    async def lingering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GOOD)
        await reader.read()

    async with serving(lingering) as server:
        assert (await asyncio.wait_for(answered(server), 8)).text == "Hello"


async def test_42_a_trickle_is_cut_off_at_the_total_time():
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(events(end=b""))
        while not reader.at_eof():
            writer.write(b": still here\n\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(trickle) as server:
        with pytest.raises(UpstreamTimeout):
            await complete(provider(server, Timeouts(first=0.3, idle=0.3, total=0.5)).stream(ASKED))


async def test_44_closing_the_stream_hangs_up_on_the_server():
    gone = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(events(piece("Hel"), end=b""))
        await reader.read()
        gone.set()

    async with serving(endless) as server:
        stream = provider(server, PATIENT).stream(ASKED)
        assert await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 1)


async def test_embeddings_come_in_the_order_of_their_texts_and_in_several_requests():
    async def embed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        texts = server.asked[-1]["body"]["input"]
        entries = [{"index": place, "embedding": [float(text) + 1, 1.0]} for place, text in enumerate(texts)]
        writer.write(reply(200, {"data": entries[::-1], "usage": {"prompt_tokens": len(texts)}}))

    async with serving(embed) as server:
        made = await provider(server).embed("embedder", [str(number) for number in range(200)])
    assert [round(first / second) for first, second in made.vectors] == list(range(1, 201))
    assert all(abs(math.hypot(*vector) - 1) < 1e-6 for vector in made.vectors)
    assert made.input_tokens == 200
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [{"index": 0, "embedding": "AAAA"}]}, {"data": [{"index": 0}]}, "x", {"error": "e"}]
)
async def test_embeddings_that_are_none_fail(body):
    async with serving(reply(200, body)) as server:
        with pytest.raises(UpstreamFailed):
            await provider(server).embed("embedder", ["a"])


def test_no_connection_outlives_its_event_loop(recwarn: pytest.WarningsRecorder):
    used: list[OpenAICompatible] = []

    async def once() -> None:
        async with serving(GOOD) as server:
            used.append(provider(server))
            await complete(used[-1].stream(ASKED))
            assert len(used[-1].server.pools) == 1

    for _ in range(2):
        async_to_sync(once)()
    assert [each.server.pools for each in used] == [{}, {}]
    assert not [warning for warning in recwarn if "unclosed" in str(warning.message).lower()]
