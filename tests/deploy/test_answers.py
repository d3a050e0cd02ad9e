"""An answer that is changed later: what it replaces has no name that is taken then, and nothing that holds data goes.

Nor does it change what AWS does not change while it is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from deploy.cloudformation.policy import HOLDS_DATA
from deploy.cloudformation.resolved import deployment
from tests.deploy.reading import ROOT, template

CERTIFICATE: Final = "arn:aws:acm:us-east-1:123456789012:certificate/0a"
ANSWERS: Final[Mapping[str, str]] = {
    "AdministratorEmail": "another@example.com",
    "AdministratorMfa": "OPTIONAL",
    "ApiBurst": "8",
    "ApiDomain": "api.example.com",
    "ApiGatewayLogRole": "Keep",
    "ApiRequestsPerSecond": "9",
    "Architecture": "ARM64",
    "BackupDays": "90",
    "BackupLock": "Compliance",
    "BalancerCertificateArn": CERTIFICATE,
    "BedrockRegion": "us-west-2",
    "CostProfile": "Production",
    "ExistingImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1.1.0",
    "ExtractionEngine": "Local",
    "FrontFirewallArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a",
    "FurtherSecretsArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:own-0a",
    "FurtherSettings": "USAGE_DAYS=90",
    "LogDays": "30",
    "LogLevel": "INFO",
    "ModelAliases": "text:A=B",
    "MonthlyBudget": "900",
    "MostContainers": "7",
    "NatGateways": "PerZone",
    "PortalDomain": "portal.example.com",
    "PriceClass": "PriceClass_All",
    "PrivateEndpoints": "Yes",
    "RefusedCountries": "",
    "Release": "1.1.0",
    "RequestsPerAddress": "500",
    "TextractJobs": "7",
}
WITH: Final[Mapping[str, Mapping[str, str]]] = {
    "ApiDomain": {"ApiCertificateArn": CERTIFICATE},
    "BalancerCertificateArn": {"BalancerCertificateName": "balancer.example.com"},
    "PortalDomain": {"PortalCertificateArn": CERTIFICATE},
    "Release": {"ReleaseKey": "1.1.0/release.zip", "TemplatesPrefix": "1.1.0/", "TemplatesBucket": "another"},
}
FIXED: Final = {"Deployment", "VpcCidr"}  # of which docs/deploy.md says so
IN_USE: Final = {"AWS::CloudFront::VpcOrigin"}  # of which AWS changes none that another resource uses

Resources = Mapping[str, Mapping[str, Any]]


@cache
def resources(*answers: tuple[str, str]) -> Resources:
    """Every resource of a deployment with these answers."""
    return {name: made for each in deployment(**dict(answers)).values() for name, made in each["Resources"].items()}


def fixed(kind: str) -> list[Sequence[str]]:
    """Where the properties are whose change replaces a resource of this type."""
    if kind == "AWS::CloudFormation::CustomResource":
        return [("ServiceToken",)]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return [path.split("/")[2:] for path in schema.get("createOnlyProperties", [])]


def at(properties: Any, path: Sequence[str]) -> Any:
    """What a resource has there, None for nothing."""
    for name in path:
        properties = properties.get(name) if isinstance(properties, dict) else None
    return properties


def replaced(before: Resources, after: Resources) -> Iterator[tuple[str, str, list[Any]]]:
    """What both have and an update would make anew: its logical id, its type, and the names that it had and would have."""
    for name in before.keys() & after.keys():
        kind, was, would = before[name]["Type"], before[name]["Properties"], after[name]["Properties"]
        places = fixed(kind)
        if any(at(was, place) != at(would, place) for place in places):
            named = [at(was, place) for place in places if place[-1].endswith("Name") and at(was, place) == at(would, place)]
            yield name, kind, [each for each in named if each is not None]


def test_every_answer_that_can_be_changed_is_changed_here() -> None:
    others = {name for each in WITH.values() for name in each}
    assert {*ANSWERS, *others} | FIXED == {*template(ROOT)["Parameters"]}


@pytest.mark.parametrize("question", ANSWERS)
def test_an_answer_that_is_changed_later_replaces_nothing_under_a_name_that_is_taken_and_no_data(question: str) -> None:
    before = resources()
    after = resources((question, ANSWERS[question]), *WITH.get(question, {}).items())
    assert before != after
    for name, kind, taken in replaced(before, after):
        assert kind not in HOLDS_DATA and taken == [], name
    assert not [name for name in before.keys() - after.keys() if before[name]["Type"] in HOLDS_DATA]
    used = [name for name in before.keys() & after.keys() if before[name]["Type"] in IN_USE]
    assert [name for name in used if before[name] != after[name]] == []


def test_workers_that_another_cost_profile_gives_another_capacity_are_deployed_anew_which_ecs_wants() -> None:
    before, after = resources(), resources(("CostProfile", "Production"))
    services = {name: made["Properties"] for name, made in after.items() if made["Type"] == "AWS::ECS::Service"}
    place = "CapacityProviderStrategy"
    moved = [made for name, made in services.items() if made[place] != before[name]["Properties"][place]]
    assert moved and all(made["ForceNewDeployment"] == {"EnableForceNewDeployment": True} for made in moved)
