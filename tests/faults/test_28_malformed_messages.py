"""Fault 28: forged and malformed messages become dead letters, and the worker lives."""

import base64
import json

import pytest

from foundation import messages
from tests.foundation.staging import PLATFORMS, Stage, on_each_platform
from tests.running import wait_for

stage = pytest.fixture(on_each_platform, params=PLATFORMS)


def forged(body: object, headers: object) -> str:
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return json.dumps({"body": encoded, "headers": headers, "properties": {}})


HEADERS = {"task": "note", "id": "1"}
FORGED = {
    "not JSON": "{",
    "a number": "7",
    "nesting without end": "[" * 100_000,
    "a body that is not base64": json.dumps({"body": "%%", "headers": HEADERS}),
    "no headers": forged([[], {"word": "a"}, {}], None),
    "no task": forged([[], {"word": "a"}, {}], {"id": "1"}),
    "a task that is a list": forged([[], {"word": "a"}, {}], {"id": "1", "task": ["note"]}),
    "an unknown task": forged([[], {"word": "a"}, {}], {"id": "1", "task": "os.system"}),
    "a task of Celery's own": forged([[], {"word": "a"}, {}], {"id": "1", "task": "celery.backend_cleanup"}),
    "ids that are no texts": forged([[], {"word": {"a": 1}}, {}], HEADERS),
    "ids that the task does not take": messages.written("note", {"word": "a", "file": "b"}),
    "an id called self": messages.written("note", {"word": "a", "self": "b"}),
    "an id too few": messages.written("note", {}),
    "arguments without names": forged([["a"], {}, {}], HEADERS),
    "a body that is an object": forged({"word": "a"}, HEADERS),
}


def test_28_forged_messages_are_dead_letters_with_a_reason_and_the_worker_lives(stage: Stage) -> None:
    worker = stage.worker()
    for text in FORGED.values():
        stage.messages.put(stage.queue, text)
    wait_for(lambda: stage.depth().dead == len(FORGED) and stage.is_empty())
    stage.send("note", "still here")
    wait_for(lambda: stage.diary == ["note still here"] and stage.is_empty())
    assert worker.poll() is None
    assert all(letter.reason and letter.deliveries == 1 for letter in stage.dead())


def test_28_a_forged_header_neither_delays_nor_drops_nor_answers(stage: Stage) -> None:
    stage.worker()
    headers = {**HEADERS, "expires": "2001-01-01T00:00:00", "eta": "2999-01-01T00:00:00", "timelimit": [1, 1], "retries": 9}
    stage.messages.put(stage.queue, forged([[], {"word": "a"}, {"chain": [{"task": "note"}]}], headers))
    wait_for(lambda: stage.diary == ["note a"] and stage.is_empty())
