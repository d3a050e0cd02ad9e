"""Asynchronous invocations: what is asked, and the work done as the worker does it."""

import asyncio

from apps.invocation import services
from tests.invocation.door import Door

WANTED = {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "What is the capital of France?", "max_tokens": 20, "temperature": 0}


async def started(door: Door, **changed) -> str:
    """The id of a new invocation."""
    answer = await door.post("/model/async_invoke", {**WANTED, **changed})
    assert answer.status == 200, answer.body
    assert answer.json.keys() == {"invocation_id"}
    return answer.json["invocation_id"]


async def worked(door: Door, invocation: str) -> None:
    """One delivery of the message, in a thread without a loop, as a worker has it."""
    await asyncio.to_thread(services.work_async, door.caller.application, invocation)
