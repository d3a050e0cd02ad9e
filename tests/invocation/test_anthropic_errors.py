"""Anthropic's dialect when a request is not done: its statuses, its types, its headers."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from apps.applications import services as applications
from apps.applications.records import Allowance, Application, Policy
from foundation.adapters import records
from foundation.ambient import now
from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door, ask, opened
from tests.upstream.anthropic_server import AnthropicServer

LOCAL = "smollm2-135m-instruct"
HI = {"model": LOCAL, "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


@pytest.fixture
def door() -> Door:
    """An application of its own, which may be limited."""
    return opened()


def limited(door: Door, **policy: Any) -> None:
    """Give the application a policy."""
    application = door.caller.application
    records.put(Application(application, "limited", "", door.caller.client, now()))
    applications.set_policy(Policy(application, **policy))


def error(answer: Answer) -> tuple[int, str]:
    """Status and type of an error, whose body has nothing but what Anthropic's has."""
    body = answer.json
    assert body["type"] == "error"
    assert body.keys() <= {"type", "error", "request_id"}
    assert body["error"].keys() == {"type", "message"}
    assert body["error"]["message"]
    if "request_id" in body:
        assert body["request_id"] == answer.headers["request-id"]
    return answer.status, body["error"]["type"]


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("claude-unknown", (404, "not_found_error")),
        ("claude-limited", (429, "rate_limit_error")),
        ("claude-failed", (502, "api_error")),
        ("claude-slow", (504, "timeout_error")),
        ("claude-overloaded", (529, "overloaded_error")),
        ("claude-unpaid", (502, "api_error")),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_the_provider_says_is_said_in_anthropics_types(door: Door, server: AnthropicServer, model, wanted, streamed):
    answer = await door.post("/v1/messages", {**HI, "model": model, "stream": streamed})
    assert error(answer) == wanted
    assert answer.json["request_id"]


async def test_nobody_and_a_wrong_key_are_an_authentication_error():
    body = json.dumps(HI).encode()
    for headers in ({}, {"x_api_key": "sk-ant-wrong"}, {"x_api_key": "gaf_wrong"}):
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            assert error(await ask("POST", path, body, None, headers)) == (401, "authentication_error")


async def test_a_model_that_does_not_exist_is_not_found(door: Door):
    answer = await door.post("/v1/messages", {**HI, "model": "claude-of-tomorrow"})
    assert error(answer) == (404, "not_found_error")
    assert "claude-of-tomorrow" in answer.json["error"]["message"]


async def test_a_body_that_is_no_json_and_one_that_is_too_large_are_errors_of_the_dialect(door: Door):
    assert error(await door.post("/v1/messages", b"{")) == (400, "invalid_request_error")
    large = {**HI, "system": "x" * (11 * 2**20)}
    assert error(await door.post("/v1/messages", large)) == (413, "request_too_large")
    answer = await door.get("/v1/messages")
    assert (error(answer), answer.headers["allow"]) == ((405, "invalid_request_error"), "POST, OPTIONS")


async def test_a_model_that_the_application_may_not_call_is_a_permission_error(door: Door):
    limited(door, models=("another-*",))
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        wanted = HI if path.endswith("messages") else {name: HI[name] for name in ("model", "messages")}
        assert error(await door.post(path, wanted)) == (403, "permission_error")


async def test_a_limit_is_told_before_it_is_reached_and_when_it_is(door: Door):
    limited(door, allowance=Allowance(requests_per_minute=1, tokens_per_minute=100_000))
    first, second = await door.post("/v1/messages", HI), await door.post("/v1/messages", HI)
    assert (first.status, *error(second)) == (200, 429, "rate_limit_error")
    for answer in (first, second):
        assert answer.headers["anthropic-ratelimit-requests-limit"] == "1"
        assert answer.headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert answer.headers["anthropic-ratelimit-tokens-limit"] == "100000"
        reset = datetime.fromisoformat(answer.headers["anthropic-ratelimit-requests-reset"])
        assert 0 <= (reset - now()).total_seconds() + 1 <= 62
    assert 1 <= int(second.headers["retry-after"]) <= 61


async def test_a_call_that_is_over_its_budget_is_a_billing_error(door: Door, server: AnthropicServer):
    limited(door, allowance=Allowance(usd_per_day=0.01))
    answer = await door.post("/v1/messages", {**HI, "model": CLAUDE, "max_tokens": 1000})
    assert error(answer) == (402, "billing_error")
    assert "retry-after" not in answer.headers  # it can cost more than the whole budget: no later moment helps
