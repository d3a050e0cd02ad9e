"""Fault 21 at /v1/messages: odd numbers, bodies that are no JSON, and JSON that is too much of it; never a 500."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.test_21_model_bodies import BODIES, BROKEN
from tests.invocation.claudes import CLAUDE, claudes
from tests.invocation.door import Answer, Door, opened
from tests.upstream.anthropic_server import AnthropicServer

PATHS = ("/v1/messages", "/v1/messages/count_tokens")
ASKED: dict[str, Any] = {"model": CLAUDE, "messages": [{"role": "user", "content": "Hi"}]}
NUMBERS = ("max_tokens", "temperature", "top_p", "top_k", "thinking.budget_tokens")
# Where a caller's own JSON is passed on, of any depth.
OWN = (
    '{"tools":[{"name":"x","input_schema":%s}],"messages":[{"role":"user","content":"x"}]',
    '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":%s}]}]',
    '{"output_config":{"format":{"type":"json_schema","schema":%s}},"messages":[{"role":"user","content":"x"}]',
)


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with claudes() as running:
        yield running


@pytest.fixture(scope="module")
def door() -> Door:
    return opened()


def refused(answer: Answer) -> str:
    """What a refusal says, which is Anthropic's."""
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    return str(answer.json["error"]["message"])


@pytest.mark.parametrize("value", BODIES)
@pytest.mark.parametrize("field", NUMBERS)
async def test_21_a_number_that_is_none_is_refused_by_its_field(door: Door, value: str, field: str):
    number, _ = BODIES[value]
    outer, _, inner = field.partition(".")
    given = b'"%s":%s' % (outer.encode(), number)
    if inner:
        given = b'"%s":{"type":"enabled","%s":%s}' % (outer.encode(), inner.encode(), number)
    rest = {**ASKED, "max_tokens": 5}
    rest.pop(outer, None)
    said = refused(await door.post(PATHS[0], json.dumps(rest).encode()[:-1] + b"," + given + b"}"))
    assert said.startswith(field) or number in (b"NaN", b"Infinity")  # these are no JSON, and have no field


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", BROKEN)
async def test_21_a_body_that_is_not_the_json_it_should_be_is_an_invalid_request(door: Door, path: str, what: str):
    refused(await door.post(path, BROKEN[what]))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("own", OWN)
async def test_21_json_of_any_depth_is_passed_on_or_refused(door: Door, server: AnthropicServer, path: str, own: str):
    seen = set()
    for depth in (10, 700, *range(900, 950), 1500):
        deep = '{"a":' * depth + "1" + "}" * depth
        more = ',"max_tokens":5' if path == PATHS[0] else ""
        answer = await door.post(path, f'{own % deep}{more},"model":"{CLAUDE}"}}'.encode())
        seen.add(answer.status)
        assert answer.status in (200, 400), (depth, answer.body[:300])
    assert seen == {200, 400}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["x" * 200_000, "\x00", "a\nb", "../../etc/passwd", "\u202egnp.exe", ""])
async def test_21_an_odd_model_name_is_refused(door: Door, path: str, name: str):
    body = {**ASKED, "model": name, **({"max_tokens": 5} if path == PATHS[0] else {})}
    assert (await door.post(path, body)).status in (400, 404)


async def test_21_odd_text_is_text_in_every_block(door: Door, server: AnthropicServer):
    for text in ("\x00", "\u202e", "😀" * 50, "a\x1fb"):
        blocks = [{"type": "text", "text": text}, {"type": "document", "source": {"type": "text", "data": text}}]
        answer = await door.post(PATHS[0], {**ASKED, "max_tokens": 500, "messages": [{"role": "user", "content": blocks}]})
        assert answer.status == 200
        assert answer.json["content"][0]["text"].startswith(text)


@pytest.mark.parametrize("header", ["x" * 10_000, "\u00ff", "a,,b", ","])
async def test_21_odd_betas_are_reported_or_nothing(door: Door, header: str):
    body = {**ASKED, "model": "smollm2-135m-instruct", "max_tokens": 1}
    assert (await door.post(PATHS[0], body, anthropic_beta=header)).status == 200
