"""Every endpoint of the contract that applications call, over HTTP, held against our own OpenAPI document."""

import json
import re
import uuid

import pytest

from tests.contract.document import Document, Exchange, Row, answered, rows, same_place
from tests.contract.flow import Flow
from tests.running import Api, Platform

FOR_APPLICATIONS = [row for row in rows() if not row.path.startswith(("/admin", "/oauth2", "/login", "/logout"))]
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
OPEN = ("/service/",)
OTHERS = ("/v1/", "/metrics")  # the paths of other vendors' contracts: see docs/gateway.md


@pytest.fixture(scope="module")
def document(platform: Platform) -> Document:
    return Document(Api(platform.url, None).ok("GET", "/openapi.json"))


@pytest.fixture(scope="module")
def exchanges(api: Api) -> list[Exchange]:
    flow = Flow(api)
    flow.run()
    return flow.exchanges


@pytest.mark.parametrize("row", [row for row in FOR_APPLICATIONS if not row.path.endswith("/meta")], ids=str)
def test_an_endpoint_answers_as_its_document_says(row: Row, exchanges: list[Exchange], document: Document) -> None:
    own = [each for each in exchanges if each.method == row.method and same_place(document.template(bare(each)), row.path)]
    assert any(each.status == 200 for each in own), "the flow never calls it with success"
    for each in own:
        document.check(each)


def test_every_endpoint_of_the_document_is_in_the_table(document: Document) -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, operations in document.document["paths"].items()
        for method in operations
        if not path.startswith(OTHERS)
    }
    missing = {each for each in documented if not any(same_place(each, str(row)) for row in rows())}
    assert not missing


def test_each_table_row_that_differs_says_how() -> None:
    assert all(len(row.text.split()) > 5 for row in rows() if row.verdict == "differs")


@pytest.mark.parametrize("row", [row for row in FOR_APPLICATIONS if OPEN[0] not in row.path], ids=str)
@pytest.mark.parametrize("bearer", [None, "not.a.token"])
def test_no_token_and_a_bad_token_are_refused(row: Row, bearer: str | None, platform: Platform, document: Document) -> None:
    nobody = Api(platform.url, bearer)
    path = re.sub(r"\{[^}]+\}", str(uuid.uuid4()), row.path)
    body = {"tags": {"a": "map"}} if row.method == "POST" else None
    answer = nobody.post(path, body) if row.method == "POST" else nobody.get(path)
    assert answer.status_code == 401
    document.check(answered(row.method, path, body, answer))


def test_another_applications_ids_are_as_if_they_did_not_exist(exchanges: list[Exchange], api: Api, other_api: Api) -> None:
    tried = 0
    for each in exchanges:
        if each.status != 200 or not UUID.search(each.path + json.dumps(each.body)):
            continue
        foreign = repeated(each, other_api, {})
        unknown = repeated(
            each, other_api, {found: str(uuid.uuid4()) for found in UUID.findall(each.path + json.dumps(each.body))}
        )
        assert foreign.status == unknown.status == 404, f"{each.method} {each.path}: {foreign} {unknown}"
        assert UUID.sub("", json.dumps(foreign.answer)) == UUID.sub("", json.dumps(unknown.answer))
        tried += 1
    assert tried > 15


def test_a_post_without_content_type_is_json(platform: Platform, api: Api) -> None:
    answer = api.session.request(
        "POST",
        f"{platform.url}/prompt/template/save",
        data=b'{"name": "bare", "prompt_template": "x"}',
        headers={"Content-Type": None},
        timeout=30,
    )
    assert answer.status_code == 200
    assert "Content-Type" not in answer.request.headers


def test_a_double_slash_is_tolerated(api: Api) -> None:
    assert api.get("//model/list_models").status_code == 200
    assert api.post("//prompt/template/get", {"name": "no such"}).status_code == 404


@pytest.mark.parametrize("service", ["model", "document", "vector", "prompt"])
def test_a_service_describes_its_own_endpoints(service: str, api: Api) -> None:
    paths = api.ok("GET", f"/{service}/service/meta")["paths"]
    assert paths
    assert all(path.startswith(f"/{service}/") for path in paths)


def bare(exchange: Exchange) -> str:
    return exchange.path.partition("?")[0]


def repeated(exchange: Exchange, api: Api, changed: dict[str, str]) -> Exchange:
    """The same request by somebody else, with some ids changed."""
    text = json.dumps([exchange.path, exchange.body])
    for old, new in changed.items():
        text = text.replace(old, new)
    path, body = json.loads(text)
    return answered(exchange.method, path, body, api.post(path, body) if exchange.method == "POST" else api.get(path))
