"""A server that speaks Anthropic's Messages API as Anthropic does, and does what its requests say; no model is behind it.

Errors are those of platform.claude.com/docs/en/api/errors (as of 2026-11). Requests are checked against the types of
Anthropic's own SDK. The model's id says what goes wrong: see ERRORS and MISBEHAVIOURS.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web
from anthropic.types import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from tests.upstream.anthropic_answers import Answer, read

KEY = "sk-ant-upstream"
ERRORS: Mapping[str, tuple[int, str, str]] = {
    "claude-limited": (429, "rate_limit_error", "This request would exceed your organization's rate limit"),
    "claude-overloaded": (529, "overloaded_error", "Overloaded"),
    "claude-failed": (500, "api_error", "Internal server error"),
    "claude-slow": (504, "timeout_error", "The request timed out"),
    "claude-unpaid": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "claude-unknown": (404, "not_found_error", "model: claude-unknown"),
}
MISBEHAVIOURS: Mapping[str, str] = {
    "claude-error-first": "an error event before anything is said",
    "claude-error-later": "an error event in the middle",
    "claude-cut": "the stream ends in the middle, without message_stop",
    "claude-endless": "words without end",
}
SHAPES: Mapping[bool, TypeAdapter[Any]] = {
    True: TypeAdapter(MessageCreateParamsStreaming),
    False: TypeAdapter(MessageCreateParamsNonStreaming),
}
OLDER = {"temperature", "top_p", "top_k"}  # taken by older models; the SDK's types no longer have them
COUNTED: TypeAdapter[Any] = TypeAdapter(MessageCountTokensParams)
MEMBERS = {True: MessageCreateParamsStreaming, False: MessageCreateParamsNonStreaming}


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class AnthropicServer:
    """Where it listens, what it was asked, and how often a client hung up."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    left: int = 0
    kept: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def body(self) -> Any:
        """The body of the last request."""
        return self.asked[-1].body


@contextmanager
def serving() -> Iterator[AnthropicServer]:
    """The server, in a thread of its own."""
    server, loop, ready = AnthropicServer(), asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_post("/v1/messages", partial(messages, server))
        application.router.add_post("/v1/messages/count_tokens", partial(count_tokens, server))
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


async def messages(server: AnthropicServer, request: web.Request) -> web.StreamResponse:
    """POST /v1/messages."""
    body = await received(server, request)
    streamed = bool(body.get("stream"))
    refused = refusal(request, body, SHAPES[streamed], MEMBERS[streamed].__annotations__)
    if refused is not None:
        return refused
    answer = Answer(server.kept, body)
    return await streaming(server, request, answer) if streamed else web.json_response(answer.message())


async def count_tokens(server: AnthropicServer, request: web.Request) -> web.StreamResponse:
    """POST /v1/messages/count_tokens."""
    body = await received(server, request)
    refused = refusal(request, body, COUNTED, MessageCountTokensParams.__annotations__)
    return refused or web.json_response({"input_tokens": read(body)})


async def received(server: AnthropicServer, request: web.Request) -> Any:
    """The body, written down."""
    body = await request.json()
    server.asked.append(Asked(request.path, {name.lower(): value for name, value in request.headers.items()}, body))
    return body


def refusal(request: web.Request, body: Any, shape: TypeAdapter[Any], members: Mapping[str, Any]) -> web.Response | None:
    """What Anthropic would say to a bad request, or as the model's id wants it."""
    if request.headers.get("x-api-key") != KEY:
        return error(401, "authentication_error", "invalid x-api-key")
    if "anthropic-version" not in request.headers:
        return error(400, "invalid_request_error", "anthropic-version: header is required")
    extra = body.keys() - members.keys() - OLDER
    if extra:
        return error(400, "invalid_request_error", f"{min(extra)}: Extra inputs are not permitted")
    try:
        shape.validate_python(body)
    except ValidationError as wrong:
        return error(400, "invalid_request_error", str(wrong))
    for place, block in blocks(body):
        if block["type"] == "text" and not block["text"]:
            return error(400, "invalid_request_error", f"{place}: text content blocks must be non-empty")
    if body["model"] in ERRORS:
        return error(*ERRORS[body["model"]])
    return None


def error(status: int, kind: str, message: str) -> web.Response:
    """An error's body, with the header that a limited client gets."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_upstream"}
    headers = {"request-id": "req_upstream", **({"retry-after": "1"} if status == 429 else {})}
    return web.json_response(body, status=status, headers=headers)


def blocks(body: Any) -> Iterator[tuple[str, Any]]:
    """Every block of the conversation, with its place."""
    for turn, message in enumerate(body["messages"]):
        content = message["content"]
        for place, block in enumerate([{"type": "text", "text": content}] if isinstance(content, str) else content):
            yield f"messages.{turn}.content.{place}", block


async def streaming(server: AnthropicServer, request: web.Request, answer: Answer) -> web.StreamResponse:
    """The answer as server-sent events, or what the model's id makes of them."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    try:
        async for event in spoiled(answer.body["model"], answer.events()):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    except ConnectionError:
        server.left += 1
    return response


async def spoiled(model: str, events: Iterator[Mapping[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    """The events, with what goes wrong."""
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    if model == "claude-error-first":
        yield overloaded
        return
    for event in events:
        yield event
        if event["type"] != "content_block_delta":
            continue
        if model == "claude-error-later":
            yield overloaded
        while model == "claude-endless":
            await asyncio.sleep(0.02)
            yield event
        if model in MISBEHAVIOURS:
            return
