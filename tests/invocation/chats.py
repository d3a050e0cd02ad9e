"""Chat completions as a client asks for them, and a server with OpenAI's API behind the platform."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation
from tests.invocation.door import Answer, Door
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

CHAT = "/v1/chat/completions"
LOCAL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
CLOCK = {"type": "function", "function": {"name": "clock"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@contextmanager
def answering() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `upstream` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model("upstream", "", Kind.TEXT, "", prices=Prices(1.0, 2.0, cached=0.5), deployments=(place,)))
        yield server
        services.remove_model("upstream")


async def asked(door: Door, body: Any, **headers: str) -> Any:
    """The JSON of a good answer of `upstream`."""
    answer = await door.post(CHAT, {"model": "upstream", "messages": QUESTION, **body}, **headers)
    assert answer.status == 200, answer.body
    return answer.json


def chunks(answer: Answer) -> list[Any]:
    """The JSON of the events of a stream that ended as it should."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8"), answer.body
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def accounted(door: Door, *answers: Answer) -> list[Invocation]:
    """The rows of these answers on the account."""

    def rows() -> list[Invocation]:
        found = {row.invocation: row for row in usage.calls(door.caller.application, limit=500).items}
        return [found[answer.headers["x-request-id"]] for answer in answers if answer.headers["x-request-id"] in found]

    return await eventually(lambda: found if len(found := rows()) == len(answers) else None)
