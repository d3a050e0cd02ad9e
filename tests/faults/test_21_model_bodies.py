"""Fault 21 at /model: numbers that are none, bodies that are no JSON, and JSON that is too much of it; never a 500."""

import pytest

from tests.invocation.door import Door, opened

HUGE = 2**63
BODIES = {
    "NaN": (b"NaN", {422}),
    "Infinity": (b"Infinity", {422}),
    "1e400": (b"1e400", {422}),
    "-1e400": (b"-1e400", {422}),
    "-1": (b"-1", {422}),
    "true": (b"true", {422}),
    "2^63": (str(HUGE).encode(), {422}),
    "2^64": (str(2**64).encode(), {422}),
    "5,000 digits": (b"9" * 5000, {422}),
    "a text NaN": (b'"NaN"', {422}),
    "a text Infinity": (b'"Infinity"', {422}),
    "a text 1e400": (b'"1e400"', {422}),
    "a list": (b"[1]", {422}),
}
NUMBERS = ("max_tokens", "temperature", "top_p", "top_k")
PATHS = {
    "/model/invoke": b'{"model_name":"smollm2-135m-instruct","prompt":"Hi",%s}',
    "/model/async_invoke": b'{"model_name":"smollm2-135m-instruct","prompt":"Hi",%s}',
}


@pytest.fixture(scope="module")
def door() -> Door:
    return opened()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", BODIES)
@pytest.mark.parametrize("field", NUMBERS)
async def test_21_a_number_that_is_none_is_refused_by_its_field(door: Door, path, value, field):
    number, statuses = BODIES[value]
    answer = await door.post(path, PATHS[path] % (b'"%s":%s' % (field.encode(), number)))
    assert answer.status in statuses
    if number not in (b"NaN", b"Infinity"):  # these are no JSON, and have no field
        assert answer.fields == [f"body.{field}"]


@pytest.mark.parametrize("value", BODIES)
async def test_21_a_number_that_is_none_in_a_raw_body_is_400_or_422(door: Door, value):
    number, _ = BODIES[value]
    raw = b'{"model_id":"smollm2-135m-instruct","raw_input":{"prompt":"Hi","max_tokens":%s}}'
    assert (await door.post("/model/invoke_with_raw_input", raw % number)).status in (400, 422)


BROKEN = {
    "nothing": b"",
    "half": b'{"model_name":',
    "invalid UTF-8": b'{"model_name":"\xff\xfe","prompt":"x"}',
    "half a surrogate": b'{"model_name":"x","prompt":"\\ud800"}',
    "a mark before it": b'\xef\xbb\xbf{"model_name":"x","prompt":"x"}',
    "depth 10,000": b'{"model_name":"x","prompt":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "depth 10,000 of objects": b'{"model_name":"x","prompt":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
}


@pytest.mark.parametrize("path", [*PATHS, "/model/embed", "/model/invoke_with_raw_input"])
@pytest.mark.parametrize("what", BROKEN)
async def test_21_a_body_that_is_not_the_json_it_should_be_is_422(door: Door, path, what):
    answer = await door.post(path, BROKEN[what])
    assert answer.status == 422
    assert answer.json["issues"][0]["loc"][0] == "body"


async def test_21_of_a_key_that_comes_twice_the_last_counts(door: Door):
    answer = await door.post("/model/invoke", b'{"model_name":"nothing","model_name":"nobody","prompt":"Hi"}')
    assert (answer.status, answer.json["detail"]) == (400, "Unsupported model: nobody")


async def test_21_a_body_of_thirty_megabytes_is_413(door: Door):
    answer = await door.post("/model/invoke", b'{"model_name":"x","prompt":"' + b"x" * 30 * 2**20 + b'"}')
    assert answer.status == 413
    assert "BODY_LIMIT_MB" in answer.json["detail"]


async def test_21_a_body_of_thirty_megabytes_is_413_in_openais_words_where_django_answers(door: Door):
    answer = await door.post("/v1/batches", b'{"input_file_id":"' + b"x" * 30 * 2**20 + b'"}')
    assert (answer.status, answer.json["error"]["type"]) == (413, "invalid_request_error")
    assert "BODY_LIMIT_MB" in answer.json["error"]["message"]


@pytest.mark.parametrize("name", ["x" * 200_000, "\x00", "a\nb", "../../etc/passwd", "\u202egnp.exe"])
async def test_21_an_odd_model_name_is_400_or_422(door: Door, name):
    for path, body in (("/model/invoke", {"prompt": "x"}), ("/model/embed", {"input_text": "x"})):
        assert (await door.post(path, {"model_name": name, **body})).status in (400, 422)


async def test_21_odd_text_is_text(door: Door):
    for text in ("\x00", "\u202e", "😀" * 50, "a\x1fb", " "):
        answer = await door.post("/model/invoke", {"model_name": "smollm2-135m-instruct", "prompt": text, "max_tokens": 1})
        assert answer.status == 200
        assert (await door.post("/model/embed", {"model_name": "all-minilm-l6-v2", "input_text": text})).status == 200
