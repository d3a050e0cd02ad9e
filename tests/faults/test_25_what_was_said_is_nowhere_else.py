"""25: a prompt, an answer and a token are planted; they are in no log, metric, record or journal where they do not belong."""

from collections.abc import Iterable
from pathlib import Path

import requests

from apps.applications.records import Guard, Policy
from apps.usage.records import Content
from tests.running import wait_for
from tests.usage.provider import ANSWER, MODEL, Gateway, gateway

PROMPT = "canary-of-the-prompt-7c1e"
MAIL = "canary.address@example.com"
DENIED = "project canary falcon"
ANSWERED = str(ANSWER["choices"][0]["message"]["content"])  # type: ignore[index]


def found_in(home: Path, text: str) -> list[str]:
    """The files of a platform that hold a text, its log among them."""
    files: Iterable[Path] = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in (*files, home.with_suffix(".log")) if text.encode() in path.read_bytes()]


def said(door: Gateway, status: int = 200, **changed: object) -> None:
    """One call with what is planted."""
    body = {"model_name": MODEL, "prompt": f"{PROMPT} {MAIL} {DENIED}", **changed}
    answer = requests.post(f"{door.platform.url}/model/invoke", json=body, headers=door.headers, timeout=30)
    assert answer.status_code == status
    if status == 200:
        door.answered.add(answer.headers["x-request-id"])


def test_what_is_said_leaves_no_trace_where_it_is_not_to_be_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with gateway(home, LOG_LEVEL="DEBUG") as door:
        said(door)
        said(door, 422, max_tokens=-1)
        said(door, 400, model_name="no such model")
        metrics = requests.get(f"{door.platform.url}/metrics", timeout=30).text
        assert found_in(home, PROMPT) == [], "also not while it is still in the journal"
        assert door.platform.stop() == 0
        assert door.all_arrived()
        token = door.headers["Authorization"].removeprefix("Bearer ")
        for planted in (PROMPT, MAIL, DENIED, ANSWERED, token):
            assert planted not in metrics
            assert found_in(home, planted) == [], planted


def test_what_is_to_be_kept_is_redacted_before_it_is_anywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with gateway(home) as door:
        door.store.put(Policy(door.application, content_days=2, guard=Guard(denied=(DENIED, ANSWERED))))
        (first,) = door.answered
        assert door.store.get(Content, door.application, first) is None

        def kept() -> list[Content | None]:
            return [door.store.get(Content, door.application, call) for call in door.answered - {first}]

        wait_for(lambda: (said(door), any(kept()))[1], 30, every=0.5)
        content = next(each for each in kept() if each is not None)
        assert PROMPT in content.asked and MAIL not in content.asked
        assert content.asked.endswith("[EMAIL] [PHRASE]") and content.answered == "[PHRASE]."
        assert door.platform.stop() == 0
        assert set(found_in(home, PROMPT)) <= {"records.db", "records.db-wal"}
        assert found_in(home, MAIL) == []
        assert set(found_in(home, DENIED)) <= {"records.db", "records.db-wal"}, "where the policy itself is"
