"""/prompt over HTTP, as the contract has it."""

import json
import uuid
from typing import Any

import pytest

from tests.conformance.processes import at_once
from tests.running import Api


@pytest.fixture
def name() -> str:
    return f"template {uuid.uuid4()}"


def save(api: Api, name: str, text: str) -> Any:
    return api.ok("POST", "/prompt/template/save", {"name": name, "prompt_template": text})


def test_a_save_answers_with_exactly_four_fields(api: Api, name: str) -> None:
    saved = save(api, name, "text")
    assert saved == {"id": saved["id"], "name": name, "prompt_template": "text", "version": 1}
    assert str(uuid.UUID(saved["id"])) == saved["id"]


def test_get_gives_the_latest_version(api: Api, name: str) -> None:
    saved = [save(api, name, text) for text in ("first", "")]
    assert api.ok("POST", "/prompt/template/get", {"name": name}) == saved[1]


def test_versions_are_listed_newest_first(api: Api, name: str) -> None:
    saved = [save(api, name, f"{number}") for number in range(11)]
    assert api.ok("POST", "/prompt/template/versions", {"name": name}) == saved[::-1]


@pytest.mark.parametrize("number", [1, "1"])
def test_one_version_is_got_by_its_number(api: Api, name: str, number: int | str) -> None:
    saved = [save(api, name, text) for text in ("first", "second")]
    assert api.ok("POST", "/prompt/template/version", {"name": name, "vnum": number}) == saved[0]


def test_the_list_maps_names_to_versions_newest_first(api: Api, name: str) -> None:
    for text in ("first", "second"):
        save(api, name, text)
    listed = api.ok("GET", "/prompt/template/list")
    assert listed[name] == [{"version": 2, "prompt_template": "second"}, {"version": 1, "prompt_template": "first"}]
    assert list(listed) == sorted(listed, reverse=True)


def test_a_json_text_without_a_content_type_is_read(api: Api, name: str) -> None:
    answer = api.post("/prompt/template/save", data=json.dumps({"name": name, "prompt_template": "text"}))
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_twenty_saves_at_once_have_versions_one_to_twenty(api: Api, name: str) -> None:
    saved = at_once(20, lambda number: save(api, name, f"text {number}"))
    assert sorted(each["version"] for each in saved) == list(range(1, 21))
    assert api.ok("POST", "/prompt/template/versions", {"name": name}) == sorted(saved, key=lambda each: -each["version"])


def test_one_name_in_two_applications_is_two_templates(api: Api, other_api: Api, name: str) -> None:
    save(api, name, "mine")
    save(api, name, "mine again")
    assert save(other_api, name, "theirs")["version"] == 1
    assert api.ok("POST", "/prompt/template/get", {"name": name})["prompt_template"] == "mine again"
    assert other_api.ok("GET", "/prompt/template/list")[name] == [{"version": 1, "prompt_template": "theirs"}]


@pytest.mark.parametrize("path", ["get", "versions", "version"])
def test_what_another_application_has_and_what_never_existed_are_the_same(
    api: Api, other_api: Api, name: str, path: str
) -> None:
    save(other_api, name, "theirs")
    answers = [api.post(f"/prompt/template/{path}", {"name": each, "vnum": 1}) for each in (name, str(uuid.uuid4()))]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["detail"].startswith("Prompt template")


def test_a_version_that_is_not_there_is_404(api: Api, name: str) -> None:
    save(api, name, "text")
    for number in (0, -1, 2, 2**63 - 1):
        assert api.post("/prompt/template/version", {"name": name, "vnum": number}).status_code == 404


@pytest.mark.parametrize(
    "text", ["{{7*7}}", "{0.__class__}", "${env}", "{{ settings.SECRET_KEY }}", "{% debug %}", "#{7*7}", "%s%n", "\\n"]
)
def test_a_template_that_looks_like_code_stays_literal(api: Api, name: str, text: str) -> None:
    named = f"{text} {name}"
    assert save(api, named, text)["prompt_template"] == text
    found = api.ok("POST", "/prompt/template/get", {"name": named})
    assert (found["name"], found["prompt_template"]) == (named, text)
    assert api.ok("GET", "/prompt/template/list")[named][0]["prompt_template"] == text


@pytest.mark.parametrize("text", ["", " ", "  edges  \n", "žluť 你好 👩‍👩‍👧", "x" * 200_000, "\x01\x1b", "</script><script>"])
def test_a_text_comes_back_to_the_character(api: Api, name: str, text: str) -> None:
    assert save(api, name, text)["prompt_template"] == text
    assert api.ok("POST", "/prompt/template/get", {"name": name})["prompt_template"] == text


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"prompt_template": "t"}, 422),
        ({"name": "n"}, 422),
        ({"name": 1, "prompt_template": "t"}, 422),
        ({"name": "n", "prompt_template": None}, 422),
        ({"name": "x" * 200_000, "prompt_template": "t"}, 422),
        ({"name": "", "prompt_template": "t"}, 400),
        ({"name": "  ", "prompt_template": "t"}, 400),
        ({"name": "a\u0000b", "prompt_template": "t"}, 422),
        ({"name": "\u202egnp.exe", "prompt_template": "t"}, 400),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_save_without_its_form_is_refused_and_nothing_is_stored(api: Api, wanted: Any, status: int) -> None:
    before = api.ok("GET", "/prompt/template/list")
    answer = api.post("/prompt/template/save", wanted)
    assert answer.status_code == status, answer.text
    assert api.ok("GET", "/prompt/template/list") == before


def test_a_list_goes_on_by_its_cursor_and_by_no_one_elses(api: Api, other_api: Api, name: str) -> None:
    for who in (api, other_api):
        for number in range(3):
            save(who, name, f"{number}")
    path = "/prompt/template/versions"
    found, cursor = [], ""
    while cursor is not None:
        page = api.post(f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""), {"name": name})
        assert page.status_code == 200
        found += [each["version"] for each in page.json()]
        cursor = page.headers.get("X-Next-Cursor")
    assert found == [3, 2, 1]
    cursor = api.post(f"{path}?limit=1", {"name": name}).headers["X-Next-Cursor"]
    for who, asked in ((other_api, cursor), (api, cursor[:-2]), (api, "nonsense"), (api, "%00")):
        answer = who.post(f"{path}?limit=1&cursor={asked}", {"name": name})
        assert (answer.status_code, "cursor" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", "²", "1" * 3000, "NaN"])
def test_a_limit_without_its_form_is_400(api: Api, limit: str) -> None:
    answer = api.get(f"/prompt/template/list?limit={limit}")
    assert (answer.status_code, "limit" in answer.json()["detail"]) == (400, True)


def test_no_token_is_401_even_before_a_missing_field(api: Api) -> None:
    nobody = Api(api.url, None)
    for path in ("save", "get", "versions", "version"):
        assert nobody.post(f"/prompt/template/{path}", {}).status_code == 401
    assert nobody.get("/prompt/template/list").status_code == 401


def test_a_body_of_thirty_megabytes_is_413_whether_its_length_is_told_or_not(api: Api, name: str) -> None:
    body = json.dumps({"name": name, "prompt_template": "x" * 30_000_000}).encode()
    for data in (body, iter([body[:1000], body[1000:]])):
        answer = api.post("/prompt/template/save", data=data)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert api.post("/prompt/template/get", {"name": name}).status_code == 404
