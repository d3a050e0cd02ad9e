"""manage.py models, and what it changes for those who call."""

import io
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from msgspec.structs import replace

from apps.invocation import services
from apps.invocation.records import CatalogueRow
from foundation.adapters import records, secrets
from foundation.records import ANY
from tests.invocation.door import Door
from tests.upstream.checking import deployed, listed
from tests.upstream.faults import BEHAVIOURS
from tests.upstream.unruly import serving
from tests.upstream.wires import WIRES


def models(*arguments: str) -> Any:
    """What `manage.py models ... --json` prints."""
    out = io.StringIO()
    call_command("models", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no model has; gone after the test."""
    name = f"model-{uuid.uuid4().hex[:8]}"
    yield name
    if any(model.name == name for model, _ in services.models()):
        services.remove_model(name)


def added(name: str, *more: str) -> Any:
    return models("add", name, "--provider", "openai", "--base-url", "http://127.0.0.1:9/v1/", "--model", "llama3.2", *more)


def test_an_added_model_is_listed_with_where_it_runs_and_what_it_costs(name: str) -> None:
    made = added(name, "--price-input", "0.5", "--price-output", "1.5", "--context-window", "8192", "--input", "image")
    assert made["prices"] == {"input": 0.5, "output": 1.5, "cached": None, "cache_written": None}
    assert (made["available"], made["served_by"], made["context_window"], made["inputs"]) == (True, name, 8192, ["image"])
    assert made["deployments"][0]["base_url"] == "http://127.0.0.1:9/v1"
    assert made in models("list")


def test_the_list_for_people_says_who_answers_and_where_nobody_does(name: str) -> None:
    added(name)
    for switched, answers in (("enable", name), ("disable", "nobody")):
        models(switched, name)
        out = io.StringIO()
        call_command("models", "list", stdout=out)
        (line,) = (line for line in out.getvalue().splitlines() if line.startswith(name))
        assert line.split()[-1] == answers


def test_a_deployment_may_have_limits_of_its_own(name: str) -> None:
    place = added(name, "--first-token-seconds", "2.5", "--idle-seconds", "30")["deployments"][0]
    assert (place["first_token_seconds"], place["idle_seconds"], place["answer_seconds"]) == (2.5, 30, None)


async def test_an_added_model_can_be_called_at_once(name: str, door: Door) -> None:
    import asyncio

    await asyncio.to_thread(added, name)
    answer = await door.post("/model/invoke", {"model_name": name, "prompt": "Hello"})
    assert answer.status == 503 and "the model server cannot be reached" in answer.json["detail"]


@pytest.mark.parametrize("provider", ["azure", "vertex", "gemini"])
def test_a_provider_that_there_is_not_is_refused_with_those_that_there_are(name: str, provider: str) -> None:
    with pytest.raises(CommandError, match=f"'{provider}'.*anthropic.*bedrock.*openai"):
        models("add", name, "--provider", provider, "--model", "x")


def test_a_second_model_of_one_name_is_refused(name: str) -> None:
    added(name)
    with pytest.raises(CommandError, match="there is a model"):
        added(name)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--alias", "TITAN_TEXT_LITE_V1"], "aliases: TITAN_TEXT_LITE_V1"),
        (["--fallback", "nobody"], "fallbacks: nobody"),
        (["--fallback", "all-minilm-l6-v2"], "fallbacks: all-minilm-l6-v2"),
        (["--kind", "embed", "--fallback", "all-minilm-l6-v2"], "vectors cannot be compared"),
        (["--price-input", "-1"], "prices"),
        (["--price-input", "nan"], "prices"),
        (["--price-output", "1"], "--price-input"),
        (["--output-limit", "0"], "output_limit"),
        (["--output-limit", "-5"], "output_limit"),
        (["--context-window", "0"], "context_window"),
        (["--weight", "-1"], "weight"),
        (["--first-token-seconds", "0"], "first_token_seconds"),
        (["--idle-seconds", "121"], "idle_seconds"),
        (["--answer-seconds", "nan"], "answer_seconds"),
        (["--alias", ""], "an alias must be"),
        (["--alias", "two\nlines"], "an alias must be"),
        (["--deployment", "two\r\nlines"], "a deployment's name must be"),
        (["--model", ""], "a deployment's id at its provider must be"),
        (["--model", "two\nlines"], "a deployment's id at its provider must be"),
        (["--region", "eu-central-1.example.com/"], "region"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, more: list[str], named: str) -> None:
    with pytest.raises(CommandError, match=named):
        added(name, *more)
    assert all(one["name"] != name for one in models("list"))


def test_a_model_takes_no_name_that_another_one_is_called_by(name: str) -> None:
    added(name, "--alias", f"{name}-too")
    with pytest.raises(CommandError, match=f"another name of {name}"):
        added(f"{name}-too")


def test_other_names_and_fallbacks_hold(name: str) -> None:
    added(name, "--alias", f"{name}-latest", "--fallback", "smollm2-135m-instruct")
    assert models("show", f"{name}-latest")["fallbacks"] == ["smollm2-135m-instruct"]


def test_one_price_is_changed_and_the_others_stay(name: str) -> None:
    added(name, "--price-input", "1", "--price-output", "2")
    assert models("set", name, "--price-output", "3")["prices"] == {
        "input": 1,
        "output": 3,
        "cached": None,
        "cache_written": None,
    }


def test_a_model_runs_in_several_places_and_in_one_less(name: str) -> None:
    added(name)
    place = ["--provider", "openai", "--model", "llama3.2", "--base-url", "http://127.0.0.1:10/v1", "--deployment", "second"]
    assert [one["name"] for one in models("deploy", name, *place, "--weight", "3")["deployments"]] == ["openai", "second"]
    with pytest.raises(CommandError, match=r"has a deployment second already; .*--deployment NAME"):
        models("deploy", name, *place)
    assert [one["name"] for one in models("undeploy", name, "--deployment", "openai")["deployments"]] == ["second"]
    with pytest.raises(CommandError, match="the only deployment"):
        models("undeploy", name, "--deployment", "second")


async def test_a_model_that_is_switched_off_is_refused_and_one_that_ships_comes_back(door: Door) -> None:
    import asyncio

    model, wanted = "smollm2-135m-instruct", {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "Hi", "max_tokens": 1}
    with pytest.raises(CommandError, match="MODEL_ALIASES"):  # the old names would have nobody left to answer
        await asyncio.to_thread(models, "disable", model)
    await asyncio.to_thread(models, "set", "TITAN_TEXT_LITE_V1", "--alias", "titan-lite")
    assert (await door.post("/model/invoke", {**wanted, "model_name": "titan-lite"})).status == 200
    await asyncio.to_thread(models, "remove", "TITAN_TEXT_LITE_V1")
    assert (await door.post("/model/invoke", {**wanted, "model_name": "titan-lite"})).status == 400
    with pytest.raises(CommandError, match="as it shipped"):
        await asyncio.to_thread(models, "remove", "TITAN_TEXT_LITE_V1")


def test_the_key_of_a_provider_is_a_secret_and_shown_nowhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-very-secret\n"))
    made = added(name, "--key-stdin")
    assert secrets.get(made["deployments"][0]["key"]) == "sk-very-secret"
    assert "sk-very-secret" not in json.dumps(models("list"))


def test_testing_a_model_calls_it_and_says_what_failed(name: str) -> None:
    (works,) = models("test", "smollm2-135m-instruct")
    assert works["said"] and not works["error"]
    added(name)
    out = io.StringIO()
    with pytest.raises(CommandError, match="not every deployment"):
        call_command("models", "test", name, stdout=out)
    assert "cannot be reached" in out.getvalue()


async def test_testing_a_model_waits_for_no_answer_for_ever() -> None:
    async with serving(WIRES[0], BEHAVIOURS) as server:
        with listed(deployed(server, "case", "hang", answer_seconds=0.5)) as model:
            ((_, said, error),) = await services.test_model(services.find_model(model))
    assert (said, error) == ("", "it gave no answer in 0.5 s")


def test_a_new_key_of_a_place_is_used_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-first\n"))
    first = added(name, "--key-stdin")["deployments"][0]["key"]
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-second\n"))
    services.remove_model(name)
    second = added(name, "--key-stdin")["deployments"][0]["key"]
    assert first != second and secrets.get(second) == "sk-second"  # a connection by this name cannot be an old one


@pytest.mark.parametrize(
    "url",
    [
        *("http://user:word@127.0.0.1:9/v1", "ftp://127.0.0.1/v1", "nowhere", "http://127.0.0.1:99999/v1"),
        *("http://127.0.0.1:port/v1", "http://127.0.0.1:9/v 1", "http://127.0.0.1:9/größe", "http://größe.example/v1"),
        *(
            "http://127.0.0.1:9/v1?key=word",
            "http://127.0.0.1:9/v1#x",
            "http://127.0.0.1:9/v1\r\nx: y",
            f"http://{'a' * 70}.example",
        ),
    ],
)
def test_a_server_is_a_plain_url_as_errors_and_pages_show_it(name: str, url: str) -> None:
    with pytest.raises(CommandError, match="base_url"):
        models("add", name, "--provider", "openai", "--base-url", url, "--model", "x")


def test_a_change_keeps_what_another_process_has_changed_a_moment_ago(name: str) -> None:
    added(name, "--price-input", "0.5")
    known = services.find_model(name)  # as every process has it for up to ten seconds
    others = replace(known, prices=replace(known.prices, input=0.75))
    records.put(CatalogueRow(name, msgspec.json.encode(others).decode()), expect=ANY)
    made = models("deploy", name, "--provider", "openai", "--model", "x", "--deployment", "second")
    assert (made["prices"]["input"], len(made["deployments"])) == (0.75, 2)


def test_of_places_that_are_added_at_the_same_moment_none_is_lost(name: str) -> None:
    added(name)
    places = [f"place-{number}" for number in range(6)]
    add = partial(models, "deploy", name, "--provider", "openai", "--model", "x", "--deployment")
    with ThreadPoolExecutor(len(places)) as threads:
        list(threads.map(add, places))
    assert {place["name"] for place in models("show", name)["deployments"]} == {"openai", *places}
