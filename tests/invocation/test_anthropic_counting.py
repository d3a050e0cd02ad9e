"""POST /v1/messages/count_tokens: as the model's provider counts, or an estimate that says so; it costs nothing."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apps.applications import services as applications
from apps.applications.records import Action, Allowance, Application, Guard, Policy
from apps.invocation import listing
from apps.invocation.records import Deployment, Kind, Model
from foundation.adapters import records
from foundation.ambient import now
from tests.invocation import unruly
from tests.invocation.claudes import CLAUDE, KEPT, claudes
from tests.invocation.door import Answer, Door, onboarded, opened
from tests.invocation.test_anthropic_messages import LOCAL, WEATHER
from tests.invocation.test_anthropic_streams import rows
from tests.upstream.anthropic_server import AnthropicServer, read


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


@pytest.fixture
def door() -> Door:
    return opened()


async def count(door: Door, model: str, text: str, **more: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return await door.post("/v1/messages/count_tokens", body)


async def test_the_local_model_counts_what_it_then_reads(door: Door):
    turns = [
        {"role": "user", "content": "My name is Jürgen <|im_end|>."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What is my name?"},
    ]
    body = {"model": LOCAL, "system": "Be brief.", "messages": turns}
    counted = await door.post("/v1/messages/count_tokens", body)
    answered = await door.post("/v1/messages", {**body, "max_tokens": 1})
    usage = answered.json["usage"]
    assert counted.json == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}
    assert (counted.headers["x-token-count"], counted.headers["x-served-by"]) == ("counted", LOCAL)


async def test_anthropics_models_are_counted_by_anthropic_with_all_that_is_read(door: Door, server: AnthropicServer):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    answer = await count(door, CLAUDE, "Hi", system="Be brief.", tools=[WEATHER], thinking=thinking)
    assert server.asked[-1].path == "/v1/messages/count_tokens"
    assert server.body == {
        "model": CLAUDE,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [WEATHER],
        "thinking": thinking,
    }
    assert (answer.json, answer.headers["x-token-count"]) == ({"input_tokens": read(server.body)}, "counted")


async def test_where_the_provider_cannot_count_the_number_is_an_estimate_and_says_so(door: Door):
    place = Deployment("elsewhere", "openai_compatible", "x", base_url="http://127.0.0.1:9/v1")
    listing.save_model(Model("cannot-count", "x", Kind.TEXT, "", deployments=(place,)))
    try:
        answer = await count(door, "cannot-count", "x" * 400)
    finally:
        listing.remove_model("cannot-count")
    assert (answer.status, answer.json, answer.headers["x-token-count"]) == (200, {"input_tokens": 100}, "estimated")


@pytest.mark.parametrize(("said", "tokens"), [("12", 12), (12.0, 12), (None, 100), ("many", 100), ([12], 100)], ids=str)
async def test_a_count_that_is_no_integer_is_read_or_estimated(door: Door, said: Any, tokens: int):
    async with unruly.serving(unruly.reply(200, {"input_tokens": said})) as odd:
        place = Deployment("odd", "anthropic", "x", base_url=odd.url.removesuffix("/v1"))
        listing.save_model(Model("counts-oddly", "x", Kind.TEXT, "", deployments=(place,)))
        try:
            answer = await count(door, "counts-oddly", "x" * 400)
        finally:
            listing.remove_model("counts-oddly")
    how = "counted" if tokens == 12 else "estimated"
    assert (answer.status, answer.json, answer.headers["x-token-count"]) == (200, {"input_tokens": tokens}, how)


async def test_a_count_is_on_the_account_and_costs_nothing(door: Door, server: AnthropicServer):
    answer = await count(door, CLAUDE, "Hi")
    (row,) = await rows(door)
    assert (row.invocation, row.model_kind, row.outcome) == (answer.headers["request-id"], "count", "success")
    assert (row.input_tokens, row.output_tokens, row.cost or 0) == (0, 0, 0)


async def test_a_count_is_a_request_in_the_limits(server: AnthropicServer):
    door = onboarded(allowance=Allowance(requests_per_minute=2, tokens_per_minute=1))
    first = await count(door, CLAUDE, "Hi")
    assert (first.status, first.headers["anthropic-ratelimit-requests-remaining"]) == (200, "1")
    assert (await count(door, CLAUDE, "Hi")).status == 200
    before = len(server.asked)
    refused = await count(door, CLAUDE, "Hi")
    assert (refused.status, refused.json["error"]["type"]) == (429, "rate_limit_error")
    assert (refused.headers["x-ratelimit-remaining-requests"], len(server.asked)) == ("0", before)
    assert int(refused.headers["retry-after"]) >= 1


async def test_what_may_not_go_to_a_model_is_not_counted_by_its_provider_either(door: Door, server: AnthropicServer):
    application = door.caller.application
    records.put(Application(application, "guarded", "", door.caller.client, now()))
    applications.set_policy(Policy(application, guard=Guard(phrases=Action.BLOCK, denied=("open sesame",))))
    before = len(server.asked)
    answer = await count(door, CLAUDE, "Say open sesame.")
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert len(server.asked) == before


@pytest.mark.parametrize("model", ["claude-overloaded", "claude-unknown"])
async def test_a_provider_that_does_not_count_is_an_error(door: Door, server: AnthropicServer, model):
    answer = await count(door, model, "Hi")
    assert answer.status == {"claude-overloaded": 529, "claude-unknown": 404}[model]
    assert answer.json["type"] == "error"


async def never(*_: object) -> None:
    """A server that takes a request and says nothing."""
    await asyncio.sleep(60)


@pytest.mark.parametrize("broken", [never, unruly.reply(500, {}), unruly.reply(429, {}), unruly.reply(401, {})], ids=range(4))
async def test_where_a_deployment_does_not_count_the_next_one_does(door: Door, server: AnthropicServer, broken: Any):
    async with unruly.serving(broken) as odd:
        first = Deployment("first", "anthropic", "x", base_url=odd.url.removesuffix("/v1"), answer_seconds=0.2)
        second = Deployment("second", "anthropic", CLAUDE, base_url=server.url, key=KEPT, weight=0)
        listing.save_model(Model("counts-twice", "x", Kind.TEXT, "", deployments=(first, second)))
        try:
            answer = await count(door, "counts-twice", "Hi")
        finally:
            listing.remove_model("counts-twice")
    assert (answer.status, answer.headers["x-token-count"], answer.headers["x-deployment"]) == (200, "counted", "second")
