"""What applications reach: each operation of the OpenAPI document by exactly one way, asked for a token where it should be."""

import json
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest
from django.test import Client

from deploy.cloudformation.parts.methods import methods, snapshots
from deploy.cloudformation.parts.operations import Operation, operations
from foundation.errors import Problem
from foundation.ports import SCOPE
from tests.deploy.reading import PLATFORM, holds, resources, template

RESOURCES_OF_AN_API = 300  # API Gateway's quota
DOCUMENT: dict[str, dict[str, Any]] = Client().get("/openapi.json").json()["paths"]
# Cognito's and S3's own URLs in AWS; and what is asked for from inside the network alone.
ELSEWHERE = ("/oauth2", "/login", "/logout", "/local_", "/metrics")
BODY_RULES = {  # all that read bodies
    "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"},
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    },
}
PARTS = resources("edge.json", "AWS::ApiGateway::Resource")


def path_of(resource: str) -> str:
    """The whole path of a resource of the API."""
    parent = PARTS[resource]["ParentId"].get("Ref")
    return f"{path_of(parent) if parent else ''}/{PARTS[resource]['PathPart']}"


METHODS = {
    (made["HttpMethod"], path_of(made["ResourceId"]["Ref"])): made
    for made in resources("edge.json", "AWS::ApiGateway::Method").values()
}


def by_browser(path: str) -> bool:
    """Whether CloudFront passes it on."""
    (made,) = resources("front.json", "AWS::CloudFront::Distribution").values()
    return any(fnmatchcase(path, each["PathPattern"]) for each in made["DistributionConfig"]["CacheBehaviors"])


def test_each_operation_of_the_document_is_reached_by_exactly_one_way() -> None:
    wanted = {(method.upper(), path) for path, some in DOCUMENT.items() for method in some if not path.startswith(ELSEWHERE)}
    assert len(wanted) > 60
    for method, path in wanted:
        assert [(method, path) in METHODS, by_browser(path)].count(True) == 1, (method, path)


def test_the_edge_has_no_method_that_the_document_has_not() -> None:
    documented = {(method.upper(), path) for path, some in DOCUMENT.items() for method in some}
    meta = {("GET", path.replace("/health", "/meta")) for path in DOCUMENT if path.endswith("/service/health")}
    assert {*METHODS} <= documented | meta
    assert len(METHODS) == len(resources("edge.json", "AWS::ApiGateway::Method"))


def test_every_part_of_a_path_leads_to_a_method() -> None:
    assert len(PARTS) <= RESOURCES_OF_AN_API
    for name in PARTS:
        assert any(path == path_of(name) or path.startswith(f"{path_of(name)}/") for _, path in METHODS), name


@pytest.mark.parametrize("key", METHODS, ids=" ".join)
def test_a_method_goes_to_its_own_path_of_the_load_balancer_with_every_name_in_it(key: tuple[str, str]) -> None:
    method, path = key
    passed, asked = METHODS[key]["Integration"], METHODS[key].get("RequestParameters", {})
    assert passed["Uri"] == {"Fn::Sub": f"${{BalancerScheme}}://${{BalancerHost}}{path}"}
    assert (passed["Type"], passed["IntegrationHttpMethod"], passed["ConnectionType"]) == ("HTTP_PROXY", method, "VPC_LINK")
    names = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
    assert {*asked} == {f"method.request.path.{name}" for name in names}
    assert passed.get("RequestParameters", {}) == {f"integration.request.path.{n}": f"method.request.path.{n}" for n in names}


def test_the_contracts_paths_ask_for_a_token_with_the_scope() -> None:
    for (method, path), made in METHODS.items():
        own = path.startswith("/v1/") or "/service/" in path
        expected = ("NONE", None) if own else ("COGNITO_USER_POOLS", [SCOPE])
        assert (made["AuthorizationType"], made.get("AuthorizationScopes")) == expected, (method, path)


FILES = ("/v1/files/{file_id}/content", "/v1/messages/batches/{message_batch_id}/results")


def test_what_a_model_answers_is_passed_on_as_it_comes() -> None:
    streams = {
        path
        for path, some in DOCUMENT.items()
        if "text/event-stream" in some.get("post", {}).get("responses", {}).get("200", {}).get("content", {})
    }
    assert streams
    for (_, path), made in METHODS.items():
        late = path in streams or path in ("/model/invoke", "/model/invoke_with_raw_input", *FILES)
        mode = made["Integration"]["ResponseTransferMode"], made["Integration"]["TimeoutInMillis"]
        if late:
            assert mode == ("STREAM", 900_000), path
        elif not path.startswith(("/v1/", "/model/")):
            assert mode == ("BUFFERED", 29_000), path


def test_no_rule_of_the_firewall_refuses_a_request_for_the_text_in_it() -> None:
    (made,) = resources("edge.json", "AWS::WAFv2::WebACL").values()
    groups = [rule["Statement"]["ManagedRuleGroupStatement"] for rule in made["Rules"] if "OverrideAction" in rule]
    reads = {group["Name"]: {each["Name"] for each in group["RuleActionOverrides"]} for group in groups}
    assert all(each["ActionToUse"] == {"Count": {}} for group in groups for each in group["RuleActionOverrides"])
    for name, rules in BODY_RULES.items():
        assert rules <= reads[name]


def test_a_change_of_any_method_is_a_new_snapshot_and_nothing_else_is() -> None:
    some = operations(PLATFORM)[:3]
    other = (*some[:2], Operation(some[2].path, some[2].method, not some[2].token, some[2].slow))
    first, again, changed = ([each.title for each in snapshots(methods(made)).values()] for made in (some, some, other))
    assert first == again
    assert {*first}.isdisjoint(changed)


@pytest.mark.parametrize(("scheme", "condition"), [("http", "Plain"), ("https", "Tls")])
def test_the_stage_serves_the_snapshot_of_the_way_to_the_balancer(scheme: str, condition: str) -> None:
    known = {"BalancerScheme": scheme, "ApiDomain": "", "ApiGatewayLogRole": "Make"}
    made = {
        name: each
        for name, each in template("edge.json")["Resources"].items()
        if each["Type"] == "AWS::ApiGateway::Deployment" and holds("edge.json", each["Condition"], known)
    }
    (stage,) = resources("edge.json", "AWS::ApiGateway::Stage").values()
    _, tls, plain = stage["DeploymentId"]["Fn::If"]
    ((name, snapshot_made),) = made.items()
    assert (tls if condition == "Tls" else plain) == {"Ref": name}
    assert {*snapshot_made["DependsOn"]} > {*resources("edge.json", "AWS::ApiGateway::Method")}


def test_what_api_gateway_says_itself_has_the_platforms_form_and_codes() -> None:
    for made in resources("edge.json", "AWS::ApiGateway::GatewayResponse").values():
        body = json.loads(made["ResponseTemplates"]["application/json"])
        known = [each for each in subclasses(Problem) if each.code == body["code"]]
        assert {*body} == {"detail", "code"}
        assert known
        assert int(made["StatusCode"]) in {each.status for each in known}


def subclasses(kind: type[Problem]) -> list[type[Problem]]:
    """Every kind of problem."""
    return [kind, *(below for each in kind.__subclasses__() for below in subclasses(each))]


def test_what_api_gateway_is_told_are_words_that_it_knows() -> None:
    model = boto3.client("apigateway", region_name="us-west-2").meta.service_model
    (api,) = resources("edge.json", "AWS::ApiGateway::RestApi").values()
    assert api["SecurityPolicy"] in model.shape_for("SecurityPolicy").enum
    assert api["EndpointAccessMode"] in model.shape_for("EndpointAccessMode").enum
    responses = resources("edge.json", "AWS::ApiGateway::GatewayResponse").values()
    assert {each["ResponseType"] for each in responses} <= {*model.shape_for("GatewayResponseType").enum}
