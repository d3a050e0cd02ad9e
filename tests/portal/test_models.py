"""The portal's pages of the models."""

import json
import re
import uuid

import pytest

from tests.portal.visitor import Visitor
from tests.running import Api


@pytest.fixture
def name() -> str:
    """A name that no model has."""
    return f"model/{uuid.uuid4().hex[:8]}"


def added(visitor: Visitor, name: str, **more: str) -> str:
    """Add a model; its page."""
    form = {"name": name, "kind": "text", "provider": "openai_compatible", "id": "llama3.2", **more}
    shown = visitor.post("/admin/models/new", base_url="http://127.0.0.1:9/v1", weight="1", **form)
    assert shown.status_code == 200, shown.text
    return shown.url


def listed(visitor: Visitor) -> dict[str, dict[str, object]]:
    """The models as an operator sees them."""
    return {model["name"]: model for model in json.loads(visitor.platform.manage("models", "list", "--json"))}


def test_a_model_is_added_priced_switched_off_and_gone(visitor: Visitor, name: str) -> None:
    page = added(visitor, name)
    assert name in visitor.get("/admin/models?able=yes").text and name not in visitor.get("/admin/models?able=no").text
    priced = visitor.post(page, input="0.25", output="1.5", context_window="8192", aliases=f"{name}-latest")
    assert "is changed" in priced.text
    assert listed(visitor)[name]["prices"] == {"input": 0.25, "output": 1.5, "cached": None, "cache_written": None}
    assert listed(visitor)[name]["aliases"] == [f"{name}-latest"]
    query = page.partition("?")[2]
    off = visitor.post(page, f"/admin/models/switch?{query}", on="no")
    assert "switched off" in off.text and not listed(visitor)[name]["available"]
    visitor.post(page, f"/admin/models/switch?{query}", on="yes")
    assert listed(visitor)[name]["available"]
    visitor.post(page, f"/admin/models/remove?{query}")
    assert name not in listed(visitor)


def test_what_nobody_answers_for_is_listed_last_and_says_what_can_be_done(visitor: Visitor, name: str) -> None:
    off, on = added(visitor, f"{name}-a"), added(visitor, f"{name}-b")
    visitor.post(off, f"/admin/models/switch?{off.partition('?')[2]}", on="no")
    page = visitor.get("/admin/models").text
    assert page.index(f"{name}-b") < page.index(f"{name}-a")
    assert f"Nobody answers for this name. {name}-a is switched off" in visitor.get(off).text
    assert "Nobody answers" not in visitor.get(on).text


def test_a_key_is_kept_and_never_shown(visitor: Visitor, name: str) -> None:
    page = added(visitor, name, key="sk-very-secret-indeed")
    assert "own key" in visitor.get(page).text and "sk-very-secret-indeed" not in visitor.get(page).text


def test_testing_says_what_each_place_answers(visitor: Visitor, name: str) -> None:
    page = added(visitor, name)
    tested = visitor.post(page, f"/admin/models/test?{page.partition('?')[2]}")
    assert "cannot be reached" in tested.text
    local = "/admin/models/one?name=smollm2-135m-instruct"
    assert re.search(r"state good\">works", visitor.post(local, "/admin/models/test?name=smollm2-135m-instruct").text)


def test_one_more_place_is_added_and_taken_away(visitor: Visitor, name: str) -> None:
    page = added(visitor, name)
    query = page.partition("?")[2]
    place = {"provider": "openai_compatible", "id": "llama3.3", "deployment": "second", "weight": "3"}
    assert "also runs at second" in visitor.post(page, f"/admin/models/deploy?{query}", **place).text
    left = visitor.post(page, f"/admin/models/undeploy?{query}", deployment="second")
    assert "one place less" in left.text
    only = visitor.post(page, f"/admin/models/undeploy?{query}", deployment="openai_compatible")
    assert "the only deployment" in only.text


def test_a_place_has_time_limits_of_its_own(visitor: Visitor, name: str) -> None:
    page = added(visitor, name, first_token_seconds="2.5", answer_seconds="60")
    shown = visitor.get(page).text
    assert "Own limits: 2.5 s to the first of a stream, 60 s to a whole answer<" in shown
    found = json.loads(visitor.platform.manage("models", "show", name, "--json"))["deployments"][0]
    assert (found["first_token_seconds"], found["idle_seconds"], found["answer_seconds"]) == (2.5, None, 60.0)
    place = {"provider": "openai_compatible", "id": "llama3.3", "deployment": "second", "idle_seconds": "9999"}
    refused = visitor.post(page, f"/admin/models/deploy?{page.partition('?')[2]}", **place)
    assert "idle_seconds (9999) must be more than 0 and at most 120" in refused.text
    assert len(json.loads(visitor.platform.manage("models", "show", name, "--json"))["deployments"]) == 1


def test_a_place_that_keeps_failing_is_shown_with_its_circuit(visitor: Visitor, name: str) -> None:
    page = added(visitor, name)
    assert "keeps failing" not in visitor.get(page).text
    api = Api(visitor.platform.url, visitor.platform.new_key(f"circuits of {name}"))
    body = {"model": name, "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(5):
        assert api.post("/v1/chat/completions", json=body).status_code == 503
    assert "keeps failing, " in visitor.get(page).text
    assert "keeps failing<" in visitor.get(f"/admin/models?q={name}").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"input": "-1"}, "not below 0"),
        ({"input": "", "output": "2"}, "price of input too"),
        ({"context_window": "many"}, "whole number"),
        ({"fallbacks": "nobody"}, "fallbacks: nobody"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_changes_nothing(
    visitor: Visitor, name: str, fields: dict[str, str], said: str
) -> None:
    page = added(visitor, name)
    refused = visitor.post(page, **fields)
    assert refused.status_code == 400 and said in refused.text
    assert listed(visitor)[name]["prices"] is None


def test_a_name_that_is_taken_is_refused(visitor: Visitor) -> None:
    form = {"kind": "text", "provider": "bedrock", "id": "x", "weight": ""}
    refused = visitor.post("/admin/models/new", name="smollm2-135m-instruct", **form)
    assert refused.status_code == 400 and "there is a model" in refused.text


def test_a_model_that_is_not_there_is_404_in_the_portals_look(visitor: Visitor) -> None:
    missing = visitor.get("/admin/models/one?name=nobody")
    assert missing.status_code == 404 and "To the dashboard" in missing.text
