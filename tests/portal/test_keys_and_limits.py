"""API keys, limits and the handling of calls in the portal."""

import re
import uuid
from html import unescape

import pytest
import requests

from tests.portal.visitor import Visitor

KEY = re.compile(r'id="api-key">(gaf_[A-Za-z0-9_-]+)<')
MODEL = "smollm2-135m-instruct"


@pytest.fixture
def application(visitor: Visitor) -> str:
    return visitor.onboard(f"Keys {uuid.uuid4()}")[0]


def at(application: str, page: str = "") -> str:
    return f"/admin/applications/{application}{page}"


def made(visitor: Visitor, application: str, name: str = "Staging server", days: str = "") -> tuple[str, str]:
    """A new key, and its id."""
    shown = visitor.post(at(application, "/keys/new"), name=name, days=days)
    found = KEY.search(shown.text)
    assert shown.status_code == 200 and found, shown.text
    ids = re.findall(r"/keys/([0-9a-f-]{36})/revoke", visitor.get(at(application)).text)
    return found[1], ids[0]


def lets_in(visitor: Visitor, key: str) -> bool:
    answer = requests.get(f"{visitor.url}/model/list_models", headers={"x-api-key": key}, timeout=60)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def revision(page: requests.Response) -> str:
    """Which state of the policy a page shows."""
    found = re.search(r'name="revision" value="(\d+)"', page.text)
    assert found
    return found[1]


def test_a_key_is_shown_once_and_works(visitor: Visitor, application: str) -> None:
    key, _ = made(visitor, application, "Staging <b>server</b>", "90")
    assert lets_in(visitor, key)
    for page in ("", "/keys"):
        shown = visitor.get(at(application, page))
        assert key not in shown.text and key[:12] in shown.text
        assert "Staging &lt;b&gt;server" in shown.text


def test_the_page_of_a_new_key_is_kept_by_nobody_and_says_how_it_is_used(visitor: Visitor, application: str) -> None:
    shown = visitor.post(at(application, "/keys/new"), name="A key", days="")
    assert "no-store" in shown.headers["Cache-Control"]
    assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
    assert f"{visitor.url}/v1" in unescape(shown.text) and "from anthropic import Anthropic" in shown.text


@pytest.mark.parametrize(
    ("name", "days"), [("", ""), ("x" * 101, ""), ("a", "-1"), ("a", "nan"), ("a", "soon"), ("a", "99999")]
)
def test_a_key_that_cannot_be_is_not_made(visitor: Visitor, application: str, name: str, days: str) -> None:
    refused = visitor.post(at(application, "/keys/new"), name=name, days=days)
    assert refused.status_code == 400
    assert "No key was made" in refused.text
    assert "No API key yet" in visitor.get(at(application)).text


def test_revoking_asks_first(visitor: Visitor, application: str) -> None:
    key, identifier = made(visitor, application)
    asking = visitor.get(at(application, f"/keys/{identifier}/revoke"))
    assert "cannot be undone" in asking.text and lets_in(visitor, key)
    done = visitor.send(asking)
    assert "is revoked" in done.text and "Revoked" in done.text
    assert not lets_in(visitor, key)


def test_rotating_gives_a_second_key_and_keeps_the_first_for_a_while(visitor: Visitor, application: str) -> None:
    key, identifier = made(visitor, application)
    shown = visitor.post(at(application, f"/keys/{identifier}/rotate"), hours="24")
    second = KEY.search(shown.text)
    assert second and "The old key is good until" in shown.text
    assert lets_in(visitor, key) and lets_in(visitor, second[1])
    assert visitor.post(at(application, f"/keys/{identifier}/rotate"), hours="-1").status_code == 400


def test_the_keys_of_one_application_are_not_on_the_pages_of_another(visitor: Visitor, application: str) -> None:
    key, identifier = made(visitor, application)
    other, _ = visitor.onboard(f"Other {uuid.uuid4()}")
    for page in (f"/keys/{identifier}/revoke", f"/keys/{identifier}/rotate", "/keys/none/revoke"):
        assert visitor.get(at(other, page)).status_code == 404
    assert (
        visitor.post(at(application, f"/keys/{identifier}/revoke"), at(other, f"/keys/{identifier}/revoke")).status_code == 404
    )
    assert lets_in(visitor, key)


def test_limits_are_set_shown_with_their_use_and_removed(visitor: Visitor, application: str) -> None:
    page = visitor.get(at(application, "/limits"))
    fields = {"requests_per_minute": "5", "tokens_per_minute": "", "concurrent": "2", "usd_per_day": "1.5", "usd_per_month": ""}
    saved = visitor.send(page, revision=revision(page), model="", **fields)
    assert saved.status_code == 200 and "The limits are saved" in saved.text
    key, _ = made(visitor, application)
    assert (
        requests.post(f"{visitor.url}/model/async_invoke", headers={"x-api-key": key}, json={}, timeout=60).status_code == 422
    )
    shown = visitor.get(at(application)).text
    assert "0 in this minute, of 5" in shown and "0 under way, of 2" in shown and "spent today, of 1.50" in shown
    added = visitor.send(saved, revision=revision(saved), model=MODEL, tokens_per_minute="700")
    assert f"Use of {MODEL}" in added.text and 'value="700"' in added.text
    removed = visitor.send(added, revision=revision(added), model=MODEL, clear="yes")
    assert f"The limits of {MODEL} are removed" in removed.text and f"Use of {MODEL}" not in removed.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("requests_per_minute", "0", "requests_per_minute (0) must be"),
        ("requests_per_minute", "1.5", "Enter a whole number"),
        ("tokens_per_minute", str(10**30), "tokens_per_minute"),
        ("usd_per_day", "nan", "Enter an amount"),
        ("usd_per_day", "-1", "usd_per_day (-1.0) must be"),
        ("usd_per_month", "many", "Enter an amount"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_beside_its_field(
    visitor: Visitor, application: str, field: str, value: str, said: str
) -> None:
    page = visitor.get(at(application, "/limits"))
    refused = visitor.send(page, revision=revision(page), model="", **{field: value})
    assert refused.status_code == 400
    assert said in unescape(refused.text) and f'value="{value}"' in refused.text
    assert revision(visitor.get(at(application, "/limits"))) == "0"


def test_who_saves_what_somebody_else_changed_meanwhile_is_told(visitor: Visitor, application: str) -> None:
    page = visitor.get(at(application, "/limits"))
    visitor.send(page, revision=revision(page), model="", concurrent="2")
    late = visitor.send(page, revision=revision(page), model="", concurrent="3")
    assert late.status_code == 409 and "Somebody else was faster" in late.text
    assert "under way, of 2" in visitor.get(at(application)).text


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1e3", "٣"])
def test_a_form_without_its_revision_changes_nothing(visitor: Visitor, application: str, wrong: str) -> None:
    page = visitor.get(at(application, "/limits"))
    assert visitor.send(page, revision=wrong, model="", concurrent="3").status_code == 409


def test_only_models_of_the_list_may_be_called(visitor: Visitor, application: str) -> None:
    key, _ = made(visitor, application)
    page = visitor.get(at(application, "/limits"))
    saved = visitor.send(page, at(application, "/limits/models"), revision=revision(page), models="claude-*\r\n\r\n llama \r\n")
    assert "claude-*\nllama" in unescape(saved.text)
    call = {"model_name": MODEL, "prompt": "Hello"}
    refused = requests.post(f"{visitor.url}/model/invoke", headers={"x-api-key": key}, json=call, timeout=60)
    assert refused.status_code == 403


HANDLING = {
    "cache": "both",
    "seconds": "60",
    "scope": "user",
    "threshold": "0.9",
    "personal": "mask",
    "secrets": "block",
    "phrases": "note",
    "denied": "Project X\r\nProject Y",
    "input_characters": "1000",
    "output_characters": "",
    "bedrock_guardrail": "",
    "content_days": "30",
}


def test_the_handling_of_calls_is_set_and_shown(visitor: Visitor, application: str) -> None:
    page = visitor.get(at(application, "/handling"))
    shown = visitor.send(page, revision=revision(page), **HANDLING)
    assert shown.status_code == 200 and "The handling of calls is saved" in shown.text
    for said in (
        "To both, for 60 seconds",
        "Put a mask in its place",
        "Refuse the call",
        "1,000",
        "Kept for 30 days, redacted",
    ):
        assert said in shown.text
    again = visitor.get(at(application, "/handling"))
    assert "Project X\nProject Y" in unescape(again.text) and revision(again) == "1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cache", "sometimes"),
        ("seconds", "0"),
        ("threshold", "2"),
        ("threshold", "nan"),
        ("personal", "shout"),
        ("denied", ""),
        ("input_characters", "-1"),
        ("bedrock_guardrail", "none"),
        ("content_days", "-1"),
        ("content_days", ""),
    ],
)
def test_a_handling_that_cannot_be_changes_nothing(visitor: Visitor, application: str, field: str, value: str) -> None:
    page = visitor.get(at(application, "/handling"))
    refused = visitor.send(page, revision=revision(page), **{**HANDLING, field: value})
    assert refused.status_code == 400 and "Nothing was changed" in refused.text and 'class="wrong"' in refused.text
    assert revision(visitor.get(at(application, "/handling"))) == "0"


@pytest.mark.parametrize("page", ["/keys", "/keys/new", "/limits", "/handling"])
def test_unknown_applications_have_no_such_pages_and_strangers_sign_in(visitor: Visitor, application: str, page: str) -> None:
    assert visitor.get(at(str(uuid.uuid4()), page)).status_code == 404
    stranger = requests.get(visitor.url + at(application, page), allow_redirects=False, timeout=60)
    assert stranger.status_code == 302 and "/admin/sign-in" in stranger.headers["Location"]
