"""POST /v1/embeddings: one text or many, as numbers or base64 of them."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from tests.invocation.chats import accounted
from tests.invocation.door import Door
from tests.invocation.unruly import reply, serving
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

PATH = "/v1/embeddings"
LOCAL = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose embedding model is called `embedder` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "text-embedding-3-small", base_url=server.url)
        services.save_model(Model("embedder", "", Kind.EMBED, "", deployments=(place,)))
        yield server
        services.remove_model("embedder")


async def test_one_text_has_openais_form(door: Door):
    answer = await door.post(PATH, {"model": LOCAL, "input": "hello"})
    assert answer.status == 200
    (entry,) = answer.json["data"]
    assert (answer.json["object"], answer.json["model"], entry["object"], entry["index"]) == ("list", LOCAL, "embedding", 0)
    assert len(entry["embedding"]) == 384
    assert sum(number**2 for number in entry["embedding"]) == pytest.approx(1, abs=1e-4)
    assert answer.json["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert answer.headers["x-served-by"] == LOCAL


async def test_many_texts_come_in_their_order_and_as_they_come_alone(door: Door):
    texts = ["the cat", "a much longer text about the weather of Lisbon in winter", "the cat"]
    many = (await door.post(PATH, {"model": LOCAL, "input": texts})).json["data"]
    alone = [(await door.post(PATH, {"model": LOCAL, "input": [text]})).json["data"][0] for text in texts]
    assert [entry["index"] for entry in many] == [0, 1, 2]
    for one, other in zip(many, alone, strict=True):
        assert one["embedding"] == pytest.approx(other["embedding"], abs=1e-5)
    assert many[0]["embedding"] != many[1]["embedding"]


async def test_base64_holds_the_same_numbers_as_32_bit_floats(door: Door):
    numbers, packed = [
        (await door.post(PATH, {"model": LOCAL, "input": "hello", "encoding_format": form})).json["data"][0]["embedding"]
        for form in ("float", "base64")
    ]
    raw = base64.b64decode(packed)
    assert len(raw) == 384 * 4
    assert struct.unpack("<384f", raw) == pytest.approx(numbers, abs=1e-7)


async def test_dimensions_reach_the_provider(door: Door, upstream: OpenAIServer):
    answer = await door.post(PATH, {"model": "embedder", "input": ["a", "b"], "dimensions": 8})
    assert [len(entry["embedding"]) for entry in answer.json["data"]] == [8, 8]
    assert (upstream.last["input"], upstream.last["dimensions"]) == (["a", "b"], 8)
    assert upstream.last["model"] == "text-embedding-3-small"


async def test_dimensions_that_a_model_does_not_have_are_refused(door: Door):
    answer = await door.post(PATH, {"model": LOCAL, "input": "hello", "dimensions": 100})
    error = answer.json["error"]
    assert (answer.status, error["param"], error["code"]) == (400, "dimensions", "invalid_value")
    assert "384" in error["message"]
    assert (await door.post(PATH, {"model": LOCAL, "input": "hello", "dimensions": 384})).status == 200


WRONG, UNSUPPORTED = "invalid_value", "unsupported_parameter"
REFUSED: list[tuple[Any, str, str]] = [
    ({"input": ""}, "input", WRONG),
    ({"input": []}, "input", WRONG),
    ({"input": ["a", ""]}, "input[1]", WRONG),
    ({"input": [1, 2, 3]}, "input[0]", UNSUPPORTED),
    ({"input": [[1, 2], [3]]}, "input[0]", UNSUPPORTED),
    ({"input": ["a"] * 2049}, "input", WRONG),
    ({"input": None}, "input", WRONG),
    ({"input": {"text": "a"}}, "input", WRONG),
    ({"encoding_format": "hex"}, "encoding_format", WRONG),
    ({"dimensions": 0}, "dimensions", WRONG),
]


@pytest.mark.parametrize(("changed", "param", "code"), REFUSED, ids=lambda each: str(each)[:40])
async def test_what_cannot_be_embedded_is_refused_by_its_name(door: Door, changed, param, code):
    answer = await door.post(PATH, {"model": LOCAL, "input": "hello", **changed})
    error = answer.json["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, code)


async def test_tokens_are_told_what_to_be_instead(door: Door):
    answer = await door.post(PATH, {"model": LOCAL, "input": [15339, 1917]})
    assert "send the text itself" in answer.json["error"]["message"]


@pytest.mark.parametrize(("model", "status", "code"), [("nothing", 404, "model_not_found"), ("upper", 400, "invalid_request")])
async def test_a_model_that_embeds_nothing_is_refused(door: Door, model, status, code):
    answer = await door.post(PATH, {"model": model if model == "nothing" else "smollm2-135m-instruct", "input": "a"})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


async def test_a_request_of_many_texts_is_one_row_on_the_account(door: Door, upstream: OpenAIServer):
    answer = await door.post(PATH, {"model": "embedder", "input": ["one two", "three"]}, x_labels="team=search")
    name = answer.headers["x-request-id"]
    rows = await eventually(
        lambda: [row for row in usage.calls(door.caller.application, limit=500).items if row.invocation == name]
    )
    (row,) = rows
    assert (row.model_name, row.input_tokens, row.output_tokens, row.dialect) == ("embedder", 3, 0, "openai_embeddings")
    assert row.labels == {"team": "search"}


async def test_what_was_read_before_one_of_several_requests_failed_is_on_the_account(door: Door):
    good = reply(200, {"data": [{"embedding": [1.0, 0.0], "index": n} for n in range(96)], "usage": {"prompt_tokens": 192}})
    async with serving(good, reply(400, {"error": {"message": "this one is odd"}})) as server:
        place = Deployment("there", "openai_compatible", "x", base_url=server.url)
        services.save_model(Model("halfway", "", Kind.EMBED, "", prices=Prices(1.0), deployments=(place,)))
        answer = await door.post(PATH, {"model": "halfway", "input": ["some text"] * 100})
        services.remove_model("halfway")
    assert (answer.status, len(server.asked)) == (400, 2)
    (row,) = await accounted(door, answer)
    assert (row.outcome, row.input_tokens, row.cost, row.estimated) == ("invalid_request", 192, 192, True)
