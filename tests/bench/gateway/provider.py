"""A provider of fixed answers that costs next to nothing: OpenAI's chat completions, whole or in 20 events.

`python -m tests.bench.gateway.provider PORT`. A request whose model is `slow` gets its events 0.5 s apart, each with the
time at which it was sent.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

EVENTS = 20
SENTENCE = "The quick brown fox jumps over the lazy dog and runs away into the woods. "
USAGE = {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32}
HEAD = {"id": "chatcmpl-1", "created": 1, "model": "fixed"}


def head(kind: str, more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}\r\n".encode()


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(words: str | None, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": words} if words else {}, "finish_reason": reason}
    return b"data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


MESSAGE = {"role": "assistant", "content": SENTENCE * 2}
WHOLE = json.dumps(
    {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
ANSWER = head("application/json", f"Content-Length: {len(WHOLE)}\r\n") + WHOLE
LAST = b"data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}).encode() + b"\n\n"
END = event(None, "stop") + LAST + b"data: [DONE]\n\n"
OPENING = head("text/event-stream", "Transfer-Encoding: chunked\r\n")
STREAM = OPENING + b"".join(chunked(event(f"word{place} ")) for place in range(EVENTS)) + chunked(END) + b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            headers = self.received[:end].lower()
            place = headers.find(b"content-length:")
            length = int(headers[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self.received) < end + 4 + length:
                return
            body, self.received = self.received[end + 4 : end + 4 + length], self.received[end + 4 + length :]
            self.answer(body)

    def answer(self, body: bytes) -> None:
        if b'"slow"' in body:
            asyncio.get_running_loop().create_task(self.slowly())
        else:
            streams = b'"stream":true' in body.replace(b" ", b"")
            self.transport.write(STREAM if streams else ANSWER)

    async def slowly(self) -> None:
        self.transport.write(OPENING)
        for _ in range(EVENTS):
            await asyncio.sleep(0.5)
            self.transport.write(chunked(event(f"at {time.time():.6f} ")))
        self.transport.write(chunked(END) + b"0\r\n\r\n")


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
