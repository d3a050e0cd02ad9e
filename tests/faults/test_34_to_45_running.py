"""Faults 37, 38, 42, 44 and 45 on a running platform, over sockets on both sides."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import free_port
from tests.running import Api, Platform, wait_for
from tests.upstream.faults import BEHAVIOURS, WORDS
from tests.upstream.unruly import Exchange, Unruly, apart
from tests.upstream.wires import OpenAI

SETTINGS = {"ROUTE_FIRST_TOKEN": "2", "ROUTE_IDLE": "1", "ROUTE_DEADLINE": "8", "CIRCUIT_PAUSE": "1"}
CASE = "case"
CHAT: Mapping[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}


@dataclass
class Ailing:
    """Deployments that are down until they are not."""

    down: set[str] = field(default_factory=lambda: {"first", "second"})

    async def first(self, exchange: Exchange) -> None:
        await BEHAVIOURS["overloaded" if "first" in self.down else "good"](exchange)

    async def second(self, exchange: Exchange) -> None:
        await BEHAVIOURS["reset" if "second" in self.down else "good"](exchange)


@dataclass
class Running:
    """A platform, an application of it, and the server of its models."""

    api: Api
    server: Unruly
    ailing: Ailing

    def chat(self, model: str, **more: Any) -> Any:
        return self.api.post("/v1/chat/completions", {**CHAT, "model": model, **more}, stream=bool(more.get("stream")))

    def row(self, request: str) -> Any:
        """The row of a call, by the id that its answer had; fails when there is more than one."""

        def found() -> list[Any]:
            return [row for row in self.api.ok("GET", "/usage/calls") if row["invocation_id"] == request]

        (only,) = wait_for(found, 10)
        return only

    def asked(self, behaviour: str) -> int:
        """How often a deployment was asked."""
        return sum(each["body"]["model"] == behaviour for each in self.server.asked[CASE])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ailing = Ailing()
    named = ("good", "hang", "hang_in_mid_stream", "cut", "slow", "endless")
    with apart(OpenAI(), {**BEHAVIOURS, "first": ailing.first, "second": ailing.second}) as server:
        models = ",".join(f"{name}=text:{name}" for name in named)
        served = {"OPENAI_BASE_URL": server.url(CASE), "OPENAI_MODELS": models}
        platform = Platform(tmp_path_factory.mktemp("faults") / "home", free_port(), **SETTINGS, **served)
        platform.start()
        try:
            add_three(platform, server.url(CASE))
            yield Running(platform.api(platform.create_application("faults")), server, ailing)
        finally:
            platform.stop()


def add_three(platform: Platform, url: str) -> None:
    """A model in three places, of which the third serves only when the others fail."""
    fixed = ("--provider", "openai", "--base-url", url)
    platform.manage("models", "add", "three", *fixed, "--model", "first", "--deployment", "first")
    for name, weight in (("second", "1"), ("good", "0")):
        platform.manage("models", "deploy", "three", *fixed, "--model", name, "--deployment", name, "--weight", weight)


def test_37_a_provider_that_hangs_is_given_up_in_time(running: Running):
    answer = running.chat("hang", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    row = running.row(answer.headers["x-request-id"])
    assert row["outcome"] == "upstream_timeout" and len(row["tries"]) == running.asked("hang") == 1


@pytest.mark.parametrize(("behaviour", "outcome"), [("hang_in_mid_stream", "upstream_timeout"), ("cut", "upstream_failed")])
def test_37_38_a_stream_that_breaks_off_says_so_and_never_looks_complete(running: Running, behaviour: str, outcome: str):
    answer = running.chat(behaviour, stream=True)
    said = answer.text
    assert answer.status_code == 200 and "Hello" in said
    assert json.loads(said.strip().rsplit("data: ", 1)[1])["error"]["code"] == outcome
    assert "[DONE]" not in said and '"finish_reason":"' not in said
    row = running.row(answer.headers["x-request-id"])
    assert (row["outcome"], len(row["tries"]), running.asked(behaviour)) == (outcome, 1, 1)


def test_42_a_slow_stream_is_a_good_one(running: Running):
    answer = running.chat("slow", stream=True)
    pieces = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in pieces if each["choices"]) == "".join(WORDS)
    assert answer.text.endswith("data: [DONE]\n\n")


def test_44_a_client_that_hangs_up_stops_the_provider_and_pays_for_what_came(running: Running):
    left = running.server.left[CASE]
    answer = running.chat("endless", stream=True)
    lines = answer.iter_lines()
    next(line for line in lines if b"word" in line)
    answer.close()
    wait_for(lambda: running.server.left[CASE] > left, 1)
    row = running.row(answer.headers["x-request-id"])
    assert row["outcome"] == "cancelled" and row["output_tokens"] > 0


def test_45_two_providers_down_the_third_serves_and_the_circuits_open_and_close(running: Running):
    first = running.chat("three")
    assert (first.status_code, first.headers["x-deployment"]) == (200, "good")
    tries = running.row(first.headers["x-request-id"])["tries"]
    assert {each["deployment"] for each in tries[:2]} == {"first", "second"} and tries[2]["outcome"] == "success"

    def third_at_once() -> bool:
        return "x-tries" not in running.chat("three").headers

    wait_for(third_at_once, 10)
    running.ailing.down.clear()
    wait_for(lambda: running.chat("three").headers["x-deployment"] in ("first", "second"), 20)
    wait_for(lambda: all(running.chat("three").headers["x-deployment"] != "good" for _ in range(5)), 30)
