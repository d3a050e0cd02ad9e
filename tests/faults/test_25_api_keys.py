"""Fault 25: the text of an API key is in no log, no record and no answer but the one that made it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import HOME, free_port
from tests.running import Api, Platform


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that logs all that it ever logs."""
    running = Platform(HOME / "talkative", free_port(), LOG_LEVEL="DEBUG")
    running.start()
    yield running
    running.stop()


def test_25_a_key_is_used_in_every_way_and_found_nowhere(talkative: Platform) -> None:
    name = talkative.create_application("canary")["name"]
    made = json.loads(talkative.manage("keys", "create", name, "--json"))
    key, inner = made["key"], made["key"][12:40]
    told = []
    for headers in ({"Authorization": f"Bearer {key}"}, {"x-api-key": key}, {"Authorization": f"Bearer {key}x"}):
        api = Api(talkative.url, None)
        api.session.headers.update(headers)
        told += [
            api.get("/model/list_models"),
            api.get("/model/nothing_there"),
            api.get("/model/async_output/unknown"),
            api.post("/model/invoke", {"model_name": "none", "prompt": "x"}),
            api.post("/model/embed", {"model_name": "all-minilm-l6-v2", "input_text": "x"}),
            api.post("/model/invoke", data=b"{"),
            api.post("/prompt/template/get", {"name": 5}),
        ]
    told_by_command = [
        talkative.manage("keys", "list", "--json"),
        talkative.manage("keys", "rotate", made["id"]),
        talkative.manage("keys", "revoke", made["id"]),
        talkative.manage("apps", "list"),
    ]
    assert {answer.status_code for answer in told} >= {200, 400, 401, 404}
    assert not any(inner in f"{answer.headers}{answer.text}" for answer in told)
    assert not any(inner in text for text in told_by_command)
    assert places(talkative.log, inner) == []
    assert places(talkative.home, inner) == []
    assert places(talkative.home, made["beginning"]) != []  # so the search finds what is there


def places(where: Path, text: str) -> list[str]:
    """The files that hold the text."""
    files = [where] if where.is_file() else [path for path in where.rglob("*") if path.is_file()]
    return [str(path) for path in files if text.encode() in path.read_bytes()]
