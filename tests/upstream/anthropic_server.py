"""A server that speaks Anthropic's Messages API as Anthropic does, and does what its requests say; no model is behind it.

Shapes and order of events: platform.claude.com/docs/en/api/messages, /build-with-claude/streaming, /api/errors, and the
recorded answers in github.com/vercel/ai, packages/anthropic/src/__fixtures__ (as of 2026-11). Requests are checked against the
types of Anthropic's own SDK. The model's id says what goes wrong: see MISBEHAVIOURS.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web
from anthropic.types import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

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
    answer = Answer(server, body)
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
    headers = {"request-id": "req_upstream", **({"retry-after": "7"} if status == 429 else {})}
    return web.json_response(body, status=status, headers=headers)


def blocks(body: Any) -> Iterator[tuple[str, Any]]:
    """Every block of the conversation, with its place."""
    for turn, message in enumerate(body["messages"]):
        content = message["content"]
        for place, block in enumerate([{"type": "text", "text": content}] if isinstance(content, str) else content):
            yield f"messages.{turn}.content.{place}", block


def read(body: Any) -> int:
    """The tokens of a request: a token for each 4 characters of its JSON."""
    named = ("system", "messages", "tools")
    return len(json.dumps({name: body[name] for name in named if name in body})) // 4


class Answer:
    """What is answered: the last text is said again, tools are used, thoughts thought, schemas filled, as the request says."""

    def __init__(self, server: AnthropicServer, body: Any) -> None:
        self.server, self.body = server, body
        last = body["messages"][-1]["content"]
        self.last = [{"type": "text", "text": last}] if isinstance(last, str) else last
        self.stop: str | None = None
        self.content = [*self.thoughts(), *(self.uses() or [{"type": "text", "text": self.text()}])]
        self.reason = self.ended()

    def thoughts(self) -> Sequence[Any]:
        if self.body.get("thinking", {}).get("type") not in ("enabled", "adaptive"):
            return []
        return [
            {"type": "thinking", "thinking": "Let me think. Done.", "signature": "c2lnbmF0dXJl"},
            {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"},
        ]

    def uses(self) -> Sequence[Any]:
        """One tool use for each tool, or only the first, or the chosen one."""
        tools, choice = self.body.get("tools", []), self.body.get("tool_choice", {"type": "auto"})
        if choice["type"] == "none" or any(block["type"] == "tool_result" for block in self.last):
            return []
        wanted = [tool for tool in tools if choice.get("name") in (None, tool["name"])]
        wanted = wanted[:1] if choice.get("disable_parallel_tool_use") else wanted
        return [
            {"type": "tool_use", "id": f"toolu_{place}", "name": tool["name"], "input": filled(tool["input_schema"])}
            for place, tool in enumerate(wanted)
        ]

    def text(self) -> str:
        form = self.body.get("output_config", {}).get("format")
        said = json.dumps(filled(form["schema"])) if form else " ".join(map(spoken, self.last))
        for stop in self.body.get("stop_sequences", []):
            if stop in said:
                self.stop, said = stop, said.partition(stop)[0]
        return " ".join(said.split(" ")[: self.body["max_tokens"]])

    def ended(self) -> str:
        if self.content[-1]["type"] == "tool_use":
            return "tool_use"
        if self.stop is not None:
            return "stop_sequence"
        return "max_tokens" if self.written() >= self.body["max_tokens"] else "end_turn"

    def written(self) -> int:
        """A token for each word, as for the limit."""
        return max(1, sum(len(str(block.get("text", block)).split(" ")) for block in self.content))

    def usage(self) -> dict[str, Any]:
        """With cache points, all was put into the cache the first time and is read from there the next."""
        tokens, cached, put = read(self.body), 0, 0
        if "cache_control" in json.dumps(self.body):
            key = json.dumps(self.body["messages"])
            cached, put = (tokens - 1, 0) if key in self.server.kept else (0, tokens - 1)
            self.server.kept.add(key)
        thoughts = 5 if len(self.content) > 2 else 0
        return {
            "input_tokens": tokens - cached - put,
            "cache_creation_input_tokens": put,
            "cache_read_input_tokens": cached,
            "output_tokens": self.written() + thoughts,
            "output_tokens_details": {"thinking_tokens": thoughts},
        }

    def message(self, **changed: Any) -> Mapping[str, Any]:
        fixed = {"id": "msg_upstream", "type": "message", "role": "assistant", "model": self.body["model"]}
        ended = {"stop_reason": self.reason, "stop_sequence": self.stop, "stop_details": None}
        return {**fixed, "content": self.content, **ended, "usage": self.usage(), **changed}

    def events(self) -> Iterator[Mapping[str, Any]]:
        """The message as events."""
        usage = self.usage()
        begun = self.message(content=[], stop_reason=None, stop_sequence=None, usage={**usage, "output_tokens": 1})
        yield {"type": "message_start", "message": begun}
        yield {"type": "ping"}
        for index, block in enumerate(self.content):
            empty, deltas = in_pieces(block)
            yield {"type": "content_block_start", "index": index, "content_block": empty}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        delta = {"stop_reason": self.reason, "stop_sequence": self.stop, "stop_details": None}
        yield {"type": "message_delta", "delta": delta, "usage": usage}
        yield {"type": "message_stop"}


def filled(schema: Any) -> Any:
    """The smallest value that a JSON schema of objects, texts and numbers allows."""
    if schema.get("type") == "object":
        return {name: filled(inner) for name, inner in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [filled(schema["items"])]
    return {"integer": 21, "number": 0.5, "boolean": True}.get(schema.get("type"), "Paris")


def spoken(block: Any) -> str:
    """What there is to say about a block."""
    match block["type"]:
        case "text":
            return str(block["text"])
        case "tool_result":
            content = block["content"]
            return f"{block['tool_use_id']} gave {content if isinstance(content, str) else ' '.join(map(spoken, content))}"
        case "image" | "document":
            source = block["source"]
            return f"{block['type']} {source.get('media_type', '')} {source.get('data') or source.get('url')}"
    return f"a {block['type']}"


def in_pieces(block: Any) -> tuple[Any, Sequence[Any]]:
    """A block's beginning, and the deltas that follow."""
    match block["type"]:
        case "text":
            words = [word + " " for word in block["text"].split(" ")]
            pieces = [*words[:-1], words[-1][:-1]]
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case "thinking":
            half = len(block["thinking"]) // 2
            pieces = [block["thinking"][:half], block["thinking"][half:]]
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            text = json.dumps(block["input"])
            pieces = ["", text[:5], text[5:]]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block, []


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
