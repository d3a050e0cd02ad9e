"""Labels, a prompt's name and version, and a trace come in by headers at every door, and are on the account."""

import asyncio
from typing import Any

import pytest

from apps.applications.records import Caching
from apps.invocation import services
from apps.usage import services as usage
from tests.invocation.chats import answering
from tests.invocation.door import Door, onboarded, opened
from tests.upstream.checking import eventually

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TEXT, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"
TURNS = [{"role": "user", "content": "Say hello."}]
DOORS: list[tuple[str, Any]] = [
    ("/model/invoke", {"model_name": TEXT, "prompt": "Say hello.", "max_tokens": 2}),
    ("/model/invoke_with_raw_input", {"model_id": TEXT, "raw_input": {"prompt": "Say hello.", "max_tokens": 2}}),
    ("/model/embed", {"model_name": EMBEDDER, "input_text": "hello"}),
    ("/v1/chat/completions", {"model": TEXT, "messages": TURNS, "max_tokens": 2}),
    ("/v1/embeddings", {"model": EMBEDDER, "input": "hello"}),
    ("/v1/messages", {"model": TEXT, "messages": TURNS, "max_tokens": 2}),
]


@pytest.fixture
def door() -> Door:
    """An application with an account of its own."""
    return opened()


@pytest.mark.parametrize(("path", "body"), DOORS, ids=[path for path, _ in DOORS])
async def test_what_the_headers_say_is_on_the_account(door: Door, path, body):
    answer = await door.post(path, body, x_labels="team=search,stage=test", x_prompt="mail@home@12", traceparent=TRACE)
    assert answer.status == 200, answer.body
    (row,) = await eventually(lambda: usage.calls(door.caller.application).items)
    assert row.labels == {"team": "search", "stage": "test"}
    assert (row.prompt, row.trace) == ("mail@home 12", TRACE)


async def test_labels_of_an_asynchronous_invocation_are_on_the_account_when_it_is_done(door: Door):
    body = {"model_name": TEXT, "prompt": "Say hello.", "max_tokens": 2}
    said = {"x_labels": "team=search", "x_prompt": "mail@1", "traceparent": TRACE}
    started = await door.post("/model/async_invoke", body, **said)
    await asyncio.to_thread(services.work_async, door.caller.application, started.json["invocation_id"])
    (row,) = await eventually(lambda: usage.calls(door.caller.application).items)
    assert (row.labels, row.prompt, row.trace, row.dialect) == ({"team": "search"}, "mail 1", TRACE, "async")


@pytest.mark.parametrize(("said", "kept"), [({}, 1), ({"cache_control": "no-store"}, 0)])
async def test_what_is_said_of_caches_holds_for_an_asynchronous_invocation_too(said, kept):
    door = onboarded(caching=Caching(exact=True))
    body = {"model_name": "upstream", "prompt": "Say hello."}
    with answering():
        for headers in (said, {}):
            started = await door.post("/model/async_invoke", body, **headers)
            await asyncio.to_thread(services.work_async, door.caller.application, started.json["invocation_id"])
    rows = await eventually(lambda: two if len(two := usage.calls(door.caller.application).items) == 2 else None)
    assert sum(row.cache == "exact" for row in rows) == kept


@pytest.mark.parametrize(("path", "body"), DOORS, ids=[path for path, _ in DOORS])
async def test_labels_without_their_form_are_refused_at_every_door(door: Door, path, body):
    answer = await door.post(path, body, x_labels="no equals sign")
    assert answer.status == 400
    assert b"x-labels" in answer.body
    (row,) = await eventually(lambda: usage.calls(door.caller.application).items)
    assert (row.labels, row.outcome) == ({}, "invalid_request")
