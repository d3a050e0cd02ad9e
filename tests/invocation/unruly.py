"""A model server that answers as it is told to, right or wrong, byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Unruly:
    """Where it listens, and what it was asked: the JSON of each request."""

    port: int
    asked: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def serving(*replies: bytes | Reply) -> AsyncIterator[Unruly]:
    """Serve each connection's requests with the replies in turn, the last one again and again."""
    waiting = list(replies)
    server: Unruly

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        server.asked.append({"head": head.decode(), "body": json.loads(await reader.readexactly(length) or b"null")})
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(reply):
            await reply(reader, writer)
        else:
            writer.write(reply)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    server = Unruly(listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listening.close()


def reply(status: int, body: Any, content_type: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Content-Type": content_type, "Content-Length": str(len(content)), "Connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + content


def events(*chunks: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    """Server-sent events, until the connection ends."""
    lines = b"".join(
        b"data: " + (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) + b"\n\n" for chunk in chunks
    )
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + lines + end


def piece(text: str, reason: str | None = None) -> Any:
    """A chunk of a chat completion."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}}
GOOD = events(piece("Hel"), piece("lo"), piece("", "stop"), USAGE)
