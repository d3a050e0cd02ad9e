"""OpenAI's files and batches as a client has them, with the work done as workers do it."""

import asyncio
import json
from typing import Any

from apps.invocation import tasks
from apps.invocation.batches.records import Batch
from foundation.adapters import records
from tests.invocation.door import Answer, Door, ask

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
EMBEDDER = "all-minilm-l6-v2"
BOUNDARY = "the-boundary"


def line(custom_id: str, body: Any = None, url: str = EMBEDDINGS, **changed: Any) -> dict[str, Any]:
    """A line of a batch's file."""
    wanted = {"model": EMBEDDER, "input": f"text {custom_id}"} if body is None else body
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": wanted, **changed}


def form(content: bytes, **fields: str) -> bytes:
    """A multipart form with a file."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
    return "".join(parts).encode() + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


async def uploaded(door: Door, content: bytes, **fields: str) -> Answer:
    body = form(content, **{"purpose": "batch", **fields})
    return await door.post("/v1/files", body, content_type=f"multipart/form-data; boundary={BOUNDARY}")


async def kept(door: Door, *lines: Any) -> str:
    """The id of a new file with these lines: values as JSON, or bytes as they are."""
    written = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    answer = await uploaded(door, b"\n".join(written))
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def made(door: Door, file: str, endpoint: str = EMBEDDINGS, **changed: Any) -> str:
    wanted = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h", **changed}
    answer = await door.post("/v1/batches", wanted)
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "validating"
    return str(answer.json["id"])


async def begun(door: Door, batch: str) -> int:
    """The first message of a batch, worked on; the number of the others."""
    await asyncio.to_thread(tasks.begin_batch, door.caller.application, batch)
    found = records.get(Batch, door.caller.application, batch)
    assert found is not None
    return found.parts


async def answered(door: Door, batch: str, part: int) -> None:
    await asyncio.to_thread(tasks.answer_part, door.caller.application, batch, str(part))


async def worked(door: Door, batch: str) -> Any:
    """All the messages of a batch, worked on; the batch then."""
    for part in range(await begun(door, batch)):
        await answered(door, batch, part)
    return (await door.get(f"/v1/batches/{batch}")).json


async def delete(door: Door, path: str) -> Answer:
    return await ask("DELETE", path, b"", door.token, {})


async def read(door: Door, file: str) -> list[Any]:
    """The lines of a file."""
    answer = await door.get(f"/v1/files/{file}/content")
    assert answer.status == 200, answer.body
    return [json.loads(each) for each in answer.body.splitlines()]
