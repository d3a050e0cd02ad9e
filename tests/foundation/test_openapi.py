"""The one OpenAPI document: what it says of hot routes, of streams, of who may call, and of how each dialect refuses."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.invocation.gateway import routes
from foundation.errors import Invalid, TooMany, Unauthenticated
from foundation.hot import Route
from foundation.openapi import described
from foundation.openapi_parts import ALTERNATIVES, responses


@pytest.fixture(scope="module")
def document() -> Any:
    return described()


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_to_a_part(document: Any) -> None:
    found = set(references(document))
    assert len(found) > 50
    missing = [each for each in found if each.split("/")[3] not in document["components"][each.split("/")[2]]]
    assert missing == []


def test_the_document_is_the_same_each_time(document: Any) -> None:
    assert described() == document


def test_every_header_is_declared_once_and_referred_to(document: Any) -> None:
    declared = document["components"]["headers"]
    used: set[str] = set()
    for status, response in responses(document):
        headers = response.get("headers", {})
        assert all(each == {"$ref": f"#/components/headers/{name}"} for name, each in headers.items())
        assert status not in ("402", "429", "503") or "retry-after" in headers
        used |= headers.keys()
    assert used == declared.keys()
    limits = {f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")}
    assert declared.keys() >= {*limits, "x-next-cursor", "x-token-count", "x-cache", "age", "anthropic-ratelimit-tokens-reset"}
    assert declared["x-ratelimit-remaining-tokens"]["schema"] == {"type": "integer"}


def test_paths_that_no_endpoint_describes_are_there_with_who_may_ask(document: Any) -> None:
    assert document["paths"]["/metrics"]["get"]["security"] == [{"metrics": []}]
    assert document["paths"]["/oauth2/token"]["post"]["responses"].keys() >= {"200", "400", "429"}
    for path in ("/v1/batches", "/v1/files", "/document/extraction/list_jobs"):
        assert all(operation["responses"].keys() >= {"429", "503"} for operation in document["paths"][path].values())


def test_every_operation_has_an_id_of_its_own(document: Any) -> None:
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("route", routes, ids=lambda route: route.path)
def test_a_hot_route_is_shown_with_its_own_shapes(document: Any, route: Route) -> None:
    operation = document["paths"][route.path]["post"]
    wanted = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    given = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert wanted.rpartition("/")[2].rpartition(".")[2] == route.request.__name__
    assert given.rpartition("/")[2].rpartition(".")[2] == route.response.__name__
    assert set(document["components"]["schemas"][wanted.rpartition("/")[2]]["properties"]) == set(
        route.request.__struct_encode_fields__
    )


@pytest.mark.parametrize("route", routes, ids=lambda route: route.path)
def test_a_stream_is_shown_beside_the_whole_answer(document: Any, route: Route) -> None:
    content = document["paths"][route.path]["post"]["responses"]["200"]["content"]
    assert ("text/event-stream" in content) is route.streams
    assert "application/json" in content


@pytest.mark.parametrize("route", routes, ids=lambda route: route.path)
def test_a_refusal_is_shown_with_the_status_and_the_shape_of_its_dialect(document: Any, route: Route) -> None:
    responses = document["paths"][route.path]["post"]["responses"]
    for problem in (Invalid("x"), Unauthenticated("x"), TooMany("x")):
        status, body = route.failure(problem)
        shown = responses[str(status)]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(body) <= set(document["components"]["schemas"][shown]["properties"]), shown


@pytest.mark.parametrize("route", routes, ids=lambda route: route.path)
def test_the_headers_that_a_hot_route_takes_and_tells_are_shown(document: Any, route: Route) -> None:
    operation = document["paths"][route.path]["post"]
    assert {each["name"] for each in operation["parameters"]} >= {"x-labels", "x-prompt", "traceparent"}
    assert operation["responses"]["200"]["headers"].keys() >= {"x-request-id", "x-served-by", "x-ignored-parameters"}


def test_a_token_or_a_key_does_wherever_an_application_calls(document: Any) -> None:
    both = [{"bearer": []}, {"api_key": []}]
    for path in ("/v1/chat/completions", "/v1/models", "/model/invoke", "/model/list_models", "/usage/daily"):
        (operation,) = document["paths"][path].values()
        assert operation["security"] == both, path
    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["api_key"]["name"]) == ("bearer", "x-api-key")
    assert set(ALTERNATIVES["bearer"]) <= set(schemes)


def test_openais_paths_refuse_in_openais_shape(document: Any) -> None:
    for path, method in (("/v1/chat/completions", "post"), ("/v1/models", "get"), ("/v1/models/{name}", "get")):
        responses = document["paths"][path][method]["responses"]
        shown = responses["404"]["content"]["application/json"]["schema"]["$ref"]
        assert shown.endswith("/OpenAIError"), path
        assert "422" not in responses
