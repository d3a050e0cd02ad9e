"""A server with OpenAI's API that answers as real ones do, refuses what they refuse, and keeps what it was asked."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = Mapping[str, Any]


@dataclass
class OpenAIServer:
    """Where it listens, and the bodies of the requests that it got, in their order."""

    port: int = 0
    asked: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def last(self) -> Any:
        """The body of its last request."""
        return self.asked[-1]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if body["model"] == "slow":
            await asyncio.sleep(0.2)
        wrong = refusal(body)
        if wrong is not None:
            status, message = wrong
            kind = "rate_limit_error" if status == 429 else "invalid_request_error"
            error = {"message": message, "type": kind, "param": None, "code": None}
            return web.json_response({"error": error}, status=status, headers={"Retry-After": "1"} if status == 429 else {})
        message, reason = answer(body)
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": logprobs(body, message["content"])}
            return web.json_response({**head(body, "chat.completion"), "choices": [choice], "usage": usage(body, message)})
        return await self.streamed(request, body, message, reason)

    async def streamed(self, request: web.Request, body: Any, message: Any, reason: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        start = head(body, "chat.completion.chunk")
        for delta, why in pieces(message, reason):
            choice = {"index": 0, "delta": delta, "finish_reason": why, "logprobs": logprobs(body, delta.get("content"))}
            await response.write(event({**start, "choices": [choice]}))
            if body["model"] == "breaks" and delta.get("content"):
                await response.write(event({"error": {"message": "out of memory"}}))
                return response
        if body.get("stream_options", {}).get("include_usage"):
            await response.write(event({**start, "choices": [], "usage": usage(body, message)}))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = body.get("dimensions", 4)
        data = [
            {"object": "embedding", "index": place, "embedding": [1.0, *[0.0] * (size - 1)]} for place, _ in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        counted = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "data": data, "model": body["model"], "usage": counted})

    async def rerank(self, request: web.Request) -> web.Response:
        """As vLLM has it: the documents with the most words of the query first."""
        body = await request.json()
        self.asked.append(body)
        words = set(body["query"].lower().split())
        scored = [(len(words & set(text.lower().split())) / len(words), place) for place, text in enumerate(body["documents"])]
        best = sorted(scored, reverse=True)[: body.get("top_n")]
        results = [{"index": place, "relevance_score": score, "document": {"text": "…"}} for score, place in best]
        tokens = sum(len(text.split()) for text in (body["query"], *body["documents"]))
        return web.json_response(
            {"id": "rerank-1", "model": body["model"], "usage": {"total_tokens": tokens}, "results": results}
        )


def event(chunk: Json) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def head(body: Json, kind: str) -> dict[str, Any]:
    """What every answer begins with."""
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def refusal(body: Json) -> tuple[int, str] | None:
    """What real servers refuse: results of tools that nobody asked for, too many stops. `limited` refuses all."""
    if body["model"] == "limited":
        return 429, "Rate limit reached"
    open_calls: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "assistant":
            open_calls = {call["id"] for call in message.get("tool_calls") or ()}
        elif message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return 400, "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            return 400, "an assistant message with 'tool_calls' must be followed by tool messages"
    return (400, "stop: at most 4") if len(body.get("stop") or ()) > 4 else None


def answer(body: Json) -> tuple[dict[str, Any], str]:
    """The message, and why it ends."""
    last, choice = body["messages"][-1], body.get("tool_choice", "auto")
    if body.get("tools") and last["role"] != "tool" and choice != "none":
        offered = [tool["function"] for tool in body["tools"]]
        if isinstance(choice, dict):
            offered = [tool for tool in offered if tool["name"] == choice["function"]["name"]]
        if body.get("parallel_tool_calls") is False:
            offered = offered[:1]
        calls = [call(number, tool) for number, tool in enumerate(offered)]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    words = text(body, last).split(" ")
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or len(words)
    return {"role": "assistant", "content": " ".join(words[:limit])}, "length" if limit < len(words) else "stop"


def call(number: int, function: Json) -> Json:
    """A call of a tool, with arguments that its schema allows."""
    arguments = json.dumps(instance(function.get("parameters") or {"type": "object"}))
    return {"id": f"call_{number}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def text(body: Json, last: Json) -> str:
    """What it says: JSON of the schema, what it saw, or what it was told."""
    wanted = body.get("response_format", {})
    if wanted.get("type") == "json_schema":
        return json.dumps(instance(wanted["json_schema"]["schema"]), separators=(",", ":"))
    if wanted.get("type") == "json_object":
        return '{"ok":true}'
    if last["role"] == "tool":
        return f"The tool says: {last['content']}"
    if isinstance(last["content"], list):
        return "I see: " + ", ".join(seen(part) for part in last["content"])
    return f"You said: {last['content']}"


def seen(part: Json) -> str:
    """What it makes of a part."""
    match part["type"]:
        case "text":
            return str(part["text"])
        case "image_url":
            return f"a picture at {part['image_url']['url'][:40]}"
    return f"the file {part['file']['filename']}"


def instance(schema: Json) -> Any:
    """A value that a JSON schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: instance(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [instance(schema.get("items", {"type": "string"}))]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
    return "Paris"


def logprobs(body: Json, content: str | None) -> Json | None:
    """How likely each word was, where that was asked for."""
    if not body.get("logprobs") or not content:
        return None
    likely = [{"token": "other", "logprob": -2.5, "bytes": None}] * body.get("top_logprobs", 0)
    words = [
        {"token": word, "logprob": -0.25, "bytes": list(word.encode()), "top_logprobs": likely} for word in content.split()
    ]
    return {"content": words, "refusal": None}


def pieces(message: Json, reason: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    """A message as the deltas of a stream."""
    yield {"role": "assistant", "content": "" if message["content"] is not None else None}, None
    for number, word in enumerate((message["content"] or "").split(" ") if message["content"] else ()):
        yield {"content": word if number == 0 else f" {word}"}, None
    for number, each in enumerate(message.get("tool_calls") or ()):
        function = {"name": each["function"]["name"], "arguments": ""}
        yield {"tool_calls": [{"index": number, "id": each["id"], "type": "function", "function": function}]}, None
        arguments = each["function"]["arguments"]
        for part in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": part}}]}, None
    yield {}, reason


def usage(body: Json, message: Json) -> Json:
    """A token for each word of the prompt and of the answer; of a system prompt, all came from the cache. `signs` counts as
    a tokenizer does that knows no words, and what its template adds; `signs-200` adds 200."""
    if body["model"].startswith("signs"):
        read, written = signs(body), len((message["content"] or "").split())
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    read = sum(len(str(each.get("content")).split()) for each in body["messages"])
    cached = sum(len(each["content"].split()) for each in body["messages"] if each["role"] == "system")
    written = len((message["content"] or json.dumps(message.get("tool_calls"))).split())
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def signs(body: Json) -> int:
    """A token for each ASCII letter, two for each sign of three bytes, four for each emoji, and 19 for the template."""
    text = "".join(each["content"] for each in body["messages"])
    return sum((1, 1, 2, 4)[len(sign.encode()) - 1] for sign in text) + int(body["model"].partition("-")[2] or 19)


@asynccontextmanager
async def listening() -> AsyncIterator[OpenAIServer]:
    """The server, on a free port, in this event loop."""
    server = OpenAIServer()
    app = web.Application(client_max_size=2**26)
    app.add_routes(
        [
            web.post("/v1/chat/completions", server.chat),
            web.post("/v1/embeddings", server.embeddings),
            web.post("/v1/rerank", server.rerank),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    addresses: Sequence[Any] = runner.addresses
    server.port = addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def running() -> Iterator[OpenAIServer]:
    """The server in a thread of its own, for tests that block."""
    ready, ended = threading.Event(), asyncio.Event()
    found: list[OpenAIServer] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with listening() as server:
            found.append(server)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
