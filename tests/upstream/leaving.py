"""A client that goes away in the middle of an answer."""

import asyncio
import json
from typing import Any

from foundation.asgi import application
from tests.invocation.door import Door
from tests.upstream.clients import Client


async def left(
    door: Door,
    client: Client,
    model: str,
    once: asyncio.Event | None = None,
    words: bytes = b"word",
    platform: Any = application,
) -> bytes:
    """Ask, and hang up as soon as these words have come, or `once` something has happened; what had come by then."""
    body = json.dumps(client.ask(model)).encode()
    headers = [(b"authorization", f"Bearer {door.token}".encode()), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": client.path, "raw_path": b"", "query_string": b"", "headers": headers}
    incoming, came, enough = [{"type": "http.request", "body": body, "more_body": False}], bytearray(), asyncio.Event()

    async def receive() -> Any:
        if incoming:
            return incoming.pop()
        await (once or enough).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        came.extend(message.get("body", b""))
        if words in came:
            enough.set()

    await asyncio.wait_for(platform(scope, receive, send), 30)
    return bytes(came)
