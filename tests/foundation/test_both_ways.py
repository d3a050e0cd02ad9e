"""The hot routes and Django answer alike: what is good, what is refused, in which order and in which shapes."""

import json
from typing import Any

import pytest

from tests.foundation.asking import WAYS, ask

pytestmark = pytest.mark.usefixtures("both_ways")
each_way = pytest.mark.parametrize("path", list(WAYS.values()), ids=list(WAYS))


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@each_way
async def test_a_good_request_is_answered(path: str, good_token: str) -> None:
    given = {"name": "žluť 你 👩‍👩‍👧", "count": 3, "share": 0.5, "unknown": 1}
    answer = await ask(path, encoded(given), token=good_token)
    assert (answer.status, answer.json) == (200, {"name": given["name"], "count": 3, "share": 0.5})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@each_way
@pytest.mark.parametrize(
    "declared", [None, "application/json", "application/json; charset=utf-8", "application/problem+json", ""]
)
async def test_json_is_read_whether_it_is_declared_or_not(path: str, declared: str | None, good_token: str) -> None:
    headers = {} if declared is None else {"content_type": declared}
    assert (await ask(path, b'{"name": "n"}', token=good_token, **headers)).status == 200


@each_way
async def test_a_body_in_parts_without_a_length_is_read(path: str, good_token: str) -> None:
    answer = await ask(path, [b'{"na', b'me": ', b'"n"}'], token=good_token, transfer_encoding="chunked")
    assert (answer.status, answer.json["name"]) == (200, "n")


@each_way
@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_that_declares_itself_something_else_is_422(path: str, declared: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "n"}', token=good_token, content_type=declared)
    assert (answer.status, answer.json["issues"][0]["type"]) == (422, "content_type")


@each_way
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "n"} x',
        b"{'name': 'n'}",
        b'{"name": "\xff"}',
        b'{"name": "n", "share": NaN}',
        b'{"name": "n", "share": Infinity}',
        b'{"name": "n", "share": -Infinity}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"\x00",
    ],
    ids=lambda body: repr(body[:30]),
)
async def test_malformed_json_is_422_before_the_caller_is_asked_for(path: str, body: bytes) -> None:
    answer = await ask(path, body)
    assert answer.status == 422
    assert {issue["type"] for issue in answer.json["issues"]} == {"json_invalid"}
    assert answer.fields == [["body"]]
    assert set(answer.json) == {"type", "title", "status", "detail", "instance", "issues"}
    assert (answer.json["instance"], answer.json["type"]) == (path, "/errors/unprocessable_entity")


@each_way
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "x.y.z", "Basic eDp5", "Bearer é", "Bearer a.b.c d"])
async def test_a_caller_that_cannot_be_made_out_is_401_before_fields_are_looked_at(path: str, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = await ask(path, b'{"wrong": 1}', **headers)
    assert (answer.status, answer.json["code"], set(answer.json)) == (401, "unauthenticated", {"detail", "code"})


@each_way
@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]", b"true"])
async def test_json_that_is_no_object_is_422(path: str, body: bytes, good_token: str) -> None:
    assert (await ask(path, body)).status == 401
    answer = await ask(path, body, token=good_token)
    assert (answer.status, answer.fields) == (422, [["body"]])


@each_way
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, ["body", "name"]),
        ({"name": None}, ["body", "name"]),
        ({"name": 1}, ["body", "name"]),
        ({"name": True}, ["body", "name"]),
        ({"name": ["n"]}, ["body", "name"]),
        ({"name": {}}, ["body", "name"]),
        ({"name": "x" * 301}, ["body", "name"]),
        ({"name": "n", "count": "three"}, ["body", "count"]),
        ({"name": "n", "count": 1.5}, ["body", "count"]),
        ({"name": "n", "count": True}, ["body", "count"]),
        ({"name": "n", "count": []}, ["body", "count"]),
        ({"name": "n", "count": ""}, ["body", "count"]),
        ({"name": "n", "share": True}, ["body", "share"]),
        ({"name": "n", "share": "much"}, ["body", "share"]),
        ({"name": "n", "share": "nan"}, ["body", "share"]),
        ({"name": "n", "share": "inf"}, ["body", "share"]),
        ({"name": "n", "share": {}}, ["body", "share"]),
        ({"name": "n", "parts": [{"word": "w"}, {}]}, ["body", "parts", 1, "word"]),
        ({"name": "n", "parts": [{"word": 1}]}, ["body", "parts", 0, "word"]),
    ],
    ids=str,
)
async def test_a_field_without_its_form_is_422_and_named(path: str, given: Any, field: list[Any], good_token: str) -> None:
    answer = await ask(path, encoded(given), token=good_token)
    assert (answer.status, answer.fields) == (422, [field])


@each_way
async def test_a_missing_field_is_told_from_a_wrong_one(path: str, good_token: str) -> None:
    missing = await ask(path, b"{}", token=good_token)
    assert [issue["type"] for issue in missing.json["issues"]] == ["missing"]
    wrong = await ask(path, b'{"name": 1}', token=good_token)
    assert [issue["type"] for issue in wrong.json["issues"]] != ["missing"]


@each_way
@pytest.mark.parametrize(
    ("given", "count", "share"),
    [
        (b'{"name": "n", "count": "42", "share": "0.5"}', 42, 0.5),
        (b'{"name": "n", "count": -1, "share": -1}', -1, -1.0),
        (b'{"name": "n", "count": 2.0, "share": 1e300}', 2, 1e300),
        (b'{"name": "n", "count": 9223372036854775807, "share": null}', 2**63 - 1, None),
        (b'{"name": "m", "name": "n", "count": 1, "count": 2}', 2, None),
    ],
)
async def test_numbers_may_come_as_text_and_the_last_of_equal_keys_counts(
    path: str, given: bytes, count: int, share: float | None, good_token: str
) -> None:
    answer = await ask(path, given, token=good_token)
    assert (answer.status, answer.json) == (200, {"name": "n", "count": count, "share": share})


@each_way
@pytest.mark.parametrize(
    "number",
    [
        *("1e400", "-1e400", "9223372036854775808", "-9223372036854775809", "1" * 400, "1" * 5000, "0.1" + "1" * 5000),
        *('"1e400"', f'"{"1" * 400}"', f'"{"1" * 5000}"', '"0x10"', '"٣"', '"1_000"', '" 1 "', '"\\ud800"', "1e-400000", "-0"),
    ],
    ids=lambda number: number[:12],
)
@pytest.mark.parametrize("field", ["count", "share"])
async def test_a_number_at_the_edge_is_never_a_failure_of_the_platform(
    path: str, field: str, number: str, good_token: str
) -> None:
    answer = await ask(path, b'{"name": "n", "%s": %s}' % (field.encode(), number.encode()), token=good_token)
    assert answer.status in (200, 422), answer.body
    if answer.status == 422:
        assert answer.fields in ([["body", field]], [["body"]])
    else:
        json.dumps(answer.json, allow_nan=False)


@each_way
@pytest.mark.parametrize("number", ["1e400", "-1e400", "9223372036854775808"])
async def test_a_number_beyond_64_bits_is_refused(path: str, number: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "n", "count": %s}' % number.encode(), token=good_token)
    assert answer.status == 422


@each_way
async def test_half_of_a_surrogate_pair_is_422(path: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "a\\ud800b"}', token=good_token)
    assert answer.status == 422


@each_way
async def test_a_body_over_its_limit_is_413_whether_its_length_is_told_or_not(path: str, good_token: str) -> None:
    part = b"x" * 2**20
    for body in (b'{"name": "' + part * 10 + b'"}', [b'{"name": "', *[part] * 10, b'"}']):
        answer = await ask(path, body, token=good_token)
        assert (answer.status, answer.json["code"]) == (413, "too_large")
        assert "BODY_LIMIT_MB" in answer.json["detail"]


@each_way
async def test_what_nobody_expected_is_a_500_that_says_nothing(path: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "crash"}', token=good_token)
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert b"secret of the inside" not in answer.body


@each_way
async def test_an_error_that_knows_when_to_come_again_says_so(path: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "later"}', token=good_token)
    assert (answer.status, answer.headers["retry-after"], answer.json["code"]) == (429, "7", "rate_limited")


@each_way
async def test_options_says_which_methods_there_are_whoever_asks(path: str) -> None:
    answer = await ask(path, method="OPTIONS")
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "POST, OPTIONS", b"")
    assert answer.headers["x-request-id"]


@each_way
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "BREW"])
async def test_another_method_is_405_with_those_that_there_are(path: str, method: str, good_token: str) -> None:
    answer = await ask(path, b'{"name": "n"}', method=method, token=good_token)
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    if method != "HEAD":
        assert answer.json == {"detail": "Method Not Allowed", "code": "method_not_allowed"}


@each_way
async def test_slashes_too_many_inside_a_path_are_one(path: str, good_token: str) -> None:
    for doubled in (path.replace("/", "//"), "//" + path):
        assert (await ask(doubled, b'{"name": "n"}', token=good_token)).status == 200


@each_way
async def test_one_slash_too_many_at_the_end_redirects_with_method_and_body(path: str) -> None:
    answer = await ask(path + "/?a=1", b'{"name": "n"}')
    assert (answer.status, answer.headers["location"]) == (307, path + "?a=1")


async def test_an_unknown_path_is_404() -> None:
    for path in ("/nothing", "/nothing/", "/hot", "/slow/echo/more", "/%00", "/hot/echo%00", "/%ff"):
        answer = await ask(path, method="GET")
        assert (answer.status, answer.json) == (404, {"detail": "Not Found", "code": "not_found"}), path


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "/%5cevil.example/", "///evil.example//"])
async def test_no_path_redirects_to_another_host(path: str) -> None:
    answer = await ask(path, method="GET")
    assert answer.status == 404
    assert "location" not in answer.headers
