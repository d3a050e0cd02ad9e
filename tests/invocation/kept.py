"""A model whose answers are kept, and what tests ask of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.invocation import services
from apps.invocation.records import CachedAnswer, Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.adapters import records
from tests.invocation.door import Answer, Door
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
SAME = [{"role": "user", "content": "Could you tell me the capital of France, please?"}]
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TOOL = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}


@contextmanager
def models() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `kept` here."""
    with running() as server:
        for name, identifier in (("kept", "gpt-4o"), ("kept too", "gpt-4o"), ("kept limited", "limited")):
            place = Deployment("there", "openai_compatible", identifier, base_url=server.url)
            services.save_model(Model(name, "", Kind.TEXT, "", prices=Prices(1.0, 2.0), deployments=(place,)))
        yield server
        for name in ("kept", "kept too", "kept limited"):
            services.remove_model(name)


async def ask(door: Door, body: Any = None, **headers: str) -> Answer:
    """The answer to a chat completion."""
    answer = await door.post(CHAT, {"model": "kept", "messages": QUESTION, **(body or {})}, **headers)
    assert answer.status == 200, answer.body
    return answer


async def asked(door: Door, body: Any = None, **headers: str) -> Answer:
    """The same, once the answer is in the store: a call does not wait for that."""
    before = {each.place: each.revision for each in kept(door)}
    answer = await ask(door, body, **headers)
    await eventually(lambda: {each.place: each.revision for each in kept(door)} != before)
    return answer


def kept(door: Door) -> tuple[CachedAnswer, ...]:
    return records.query(CachedAnswer, door.caller.application).items


def said(answer: Answer) -> str:
    return str(answer.json["choices"][0]["message"]["content"])


async def account(door: Door, count: int) -> list[Invocation]:
    """The rows of an application's account, once there are so many; oldest first."""

    def rows() -> list[Invocation] | None:
        found = sorted(usage.calls(door.caller.application).items, key=lambda row: row.created)
        return found if len(found) == count else None

    return await eventually(rows)
