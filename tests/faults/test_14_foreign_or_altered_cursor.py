"""14: a cursor of another caller, or an altered one, is 400 on every list."""

from typing import Any

import pytest

from tests.running import Api

ALTERED = ("nonsense", "a:b:c", "%00", "%F0%9F%98%80", "x" * 3000)


@pytest.fixture
def lists(api: Api) -> list[str]:
    """Every path that takes a cursor and no id."""
    paths = api.ok("GET", "/openapi.json")["paths"]
    return [path for path, methods in paths.items() if "{" not in path and takes_cursor(methods.get("get", {}))]


def takes_cursor(operation: Any) -> bool:
    return "bearer" in str(operation.get("security")) and any(
        each["name"] == "cursor" for each in operation.get("parameters", [])
    )


def test_an_altered_cursor_is_400_on_every_list(api: Api, lists: list[str]) -> None:
    assert "/prompt/template/list" in lists
    for path in lists:
        for cursor in ALTERED:
            answer = api.get(f"{path}?cursor={cursor}")
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), path
            assert "cursor" in answer.json()["detail"]


def test_a_cursor_is_good_for_its_own_caller_and_list_alone(api: Api, other_api: Api) -> None:
    for who in (api, other_api):
        for number in range(2):
            who.ok("POST", "/prompt/template/save", {"name": "cursor", "prompt_template": f"{number}"})
    path = "/prompt/template/list?limit=1"
    cursor = api.get(path).headers["X-Next-Cursor"]
    assert api.get(f"{path}&cursor={cursor}").status_code == 200
    assert other_api.get(f"{path}&cursor={cursor}").status_code == 400
    for altered in (cursor[:-1], cursor[1:], cursor.swapcase(), cursor + "A"):
        assert api.get(f"{path}&cursor={altered}").status_code == 400
    assert api.post(f"/prompt/template/versions?cursor={cursor}", {"name": "cursor"}).status_code == 400
