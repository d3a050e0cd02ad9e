"""Bedrock's adapter beside boto3 in threads: processor time of a call and of an event, in one run against one server.

The server runs in a process of its own and answers with fixed bytes; what is measured is this process alone.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from apps.invocation.adapters.bedrock.provider import Bedrock
from apps.invocation.adapters.bedrock.wire import Runtime
from apps.invocation.invocations import Message, Request, Role, Text, TextDelta

ROUNDS = 3
CALLS, STREAMS, EVENTS = 1000, 60, 200
AT_ONCE = 16
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = "eu-central-1"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a secret",
    "AWS_SESSION_TOKEN": "a token",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
TIMES = 2.0  # a call by the adapter must cost less than half of one by boto3


def serve(told: Connection) -> None:
    """Answer every request with the same bytes."""
    from aiohttp import web

    from tests.upstream.bedrock_server import STREAM, converse, frame

    body = json.dumps(converse([{"text": "word " * 40}])).encode()
    pieces = [frame("contentBlockDelta", {"delta": {"text": "word "}, "contentBlockIndex": 0})] * EVENTS
    usage = {"usage": {"inputTokens": 11, "outputTokens": EVENTS, "totalTokens": 0}, "metrics": {"latencyMs": 1}}
    ending = [frame("messageStop", {"stopReason": "end_turn"}), frame("metadata", usage)]
    whole = b"".join([frame("messageStart", {"role": "assistant"}), *pieces, *ending])

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        streamed = request.path.endswith("converse-stream")
        return web.Response(body=whole if streamed else body, content_type=STREAM if streamed else "application/json")

    async def run() -> None:
        application = web.Application()
        application.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def server() -> Iterator[str]:
    """The server's URL."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{mine.recv()}"
    process.terminate()
    process.join()


def request() -> Request:
    return Request(MODEL, (Message(Role.USER, (Text("Say a word forty times. " * 10),)),), max_tokens=200, temperature=0.5)


async def in_turn(jobs: int, job: Callable[[], Awaitable[Any]]) -> None:
    """So many jobs, sixteen at once."""
    left = iter(range(jobs))

    async def worker() -> None:
        for _ in left:
            await job()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def of_adapter(url: str) -> tuple[float, float]:
    """Milliseconds of a call, and microseconds of an event."""
    provider = Bedrock(Runtime(url, REGION))

    async def streamed() -> None:
        pieces = sum([isinstance(event, TextDelta) async for event in provider.stream(request())])
        assert pieces == EVENTS

    async def both() -> tuple[float, float]:
        await in_turn(AT_ONCE, lambda: provider.complete(request()))
        began = time.process_time()
        await in_turn(CALLS, lambda: provider.complete(request()))
        middle = time.process_time()
        await in_turn(STREAMS, streamed)
        return (middle - began) / CALLS * 1e3, (time.process_time() - middle) / STREAMS / EVENTS * 1e6

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(both())


def of_boto3(url: str) -> tuple[float, float]:
    """The same for AWS's own client in sixteen threads."""
    import boto3
    from botocore.config import Config

    client = boto3.client("bedrock-runtime", endpoint_url=url, region_name=REGION, config=Config(max_pool_connections=AT_ONCE))
    asked: dict[str, Any] = {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "Say a word forty times. " * 10}]}],
        "inferenceConfig": {"maxTokens": 200, "temperature": 0.5},
    }

    def called(_: int) -> str:
        return str(client.converse(**asked)["output"]["message"]["content"][0]["text"])

    def streamed(_: int) -> None:
        assert sum("contentBlockDelta" in event for event in client.converse_stream(**asked)["stream"]) == EVENTS

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(called, range(AT_ONCE)))
        began = time.process_time()
        list(threads.map(called, range(CALLS)))
        middle = time.process_time()
        list(threads.map(streamed, range(STREAMS)))
        return (middle - began) / CALLS * 1e3, (time.process_time() - middle) / STREAMS / EVENTS * 1e6


def main() -> int:
    """Print the medians; 1 when a call costs more than half of boto3's."""
    os.environ.update(KEYS)
    with server() as url:
        rounds = [(of_adapter(url), of_boto3(url)) for _ in range(ROUNDS)]
    ours, theirs = ([statistics.median(each[side][kind] for each in rounds) for kind in (0, 1)] for side in (0, 1))
    for name, unit, mine, other in zip(("a call", "an event"), ("ms", "µs"), ours, theirs, strict=True):
        print(
            f"{name:<12}{mine:7.3f} {unit} of processor time   boto3 in threads {other:7.3f} {unit}   {other / mine:.1f} times"
        )
    return int(ours[0] * TIMES > theirs[0])


if __name__ == "__main__":
    raise SystemExit(main())
