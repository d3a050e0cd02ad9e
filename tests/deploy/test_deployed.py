"""A deployment against moto: every stack is made in its order, with the outputs of those before it, as far as moto goes.

moto makes what it has a model of. What it has none of is in UNKNOWN, and stands in the others' references as a text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import islice
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map

from deploy.cloudformation import resolved
from foundation.adapters.aws import names
from tests.deploy.reading import NESTED, PLATFORM, after, template

VPC: Final = template("network.json")["Parameters"]["VpcCidr"]["Default"]
REGION: Final = "us-west-2"
UNKNOWN: Final = {
    f"AWS::{service}::{kind}"
    for service, kinds in {
        "ApiGateway": "Account Authorizer BasePathMapping DomainName GatewayResponse RequestValidator Stage UsagePlan",
        "ApiGatewayV2": "VpcLink",
        "ApplicationAutoScaling": "ScalableTarget ScalingPolicy",
        "Backup": "BackupPlan BackupSelection BackupVault",
        "Budgets": "Budget",
        "CloudFormation": "CustomResource",
        "CloudFront": "CachePolicy Distribution Function ResponseHeadersPolicy VpcOrigin",
        "CloudWatch": "Alarm",
        "CodeBuild": "Project",
        "Cognito": "UserPool UserPoolClient UserPoolDomain UserPoolResourceServer UserPoolUser",
        "EC2": "SecurityGroupEgress",
        "ElastiCache": "ServerlessCache User UserGroup",
        "OpenSearchServerless": "AccessPolicy Collection CollectionGroup SecurityPolicy VpcEndpoint",
        "S3": "BucketPolicy",
        "SNS": "Subscription TopicPolicy",
        "SQS": "QueuePolicy",
        "SecretsManager": "RotationSchedule Secret",
        "WAFv2": "LoggingConfiguration WebACL WebACLAssociation",
    }.items()
    for kind in kinds.split()
}

MISREAD: Final = {"AWS::KMS::Key": ("Tags",)}  # properties that moto cannot read as CloudFormation writes them


@dataclass
class Deployed:
    """What moto made and what it was to make: logical ids by stack; and what the stacks told."""

    made: dict[str, set[str]] = field(default_factory=dict)
    wanted: dict[str, set[str]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of moto's account."""
        return boto3.client(service, region_name=REGION)


@pytest.fixture(scope="module", params=["Small", "Production"])
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """All stacks, in a fresh account."""
    with mock_aws():
        done = Deployed()
        root = resolved.read(resolved.ROOT)
        said = {**resolved.defaults(root), **resolved.ANSWERS, "CostProfile": request.param, "ReleaseBucket": "releases"}
        for name in resolved.order(root):
            nested = root["Resources"][name]["Properties"]
            given = {key: resolved.handed(value, said, done.told) for key, value in nested["Parameters"].items()}
            deploy(done, name, resolved.file_of(nested), given)
        yield done


def deploy(done: Deployed, name: str, file: str, given: Mapping[str, Any]) -> None:
    """Make one stack, and keep what it made and told."""
    client = done.client("cloudformation")
    whole = resolved.resolved(template(file), given, REGION)["Resources"]
    done.wanted[file] = {logical for logical, made in whole.items() if made["Type"] not in UNKNOWN}
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps(known(template(file))),
        Parameters=[{"ParameterKey": key, "ParameterValue": text(value)} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    done.made[file] = {each["LogicalResourceId"] for page in pages for each in page["StackResourceSummaries"]} - {""}
    done.told |= {
        f"{name}.Outputs.{key}": resolved.invented(key) for key in template(file).get("Outputs", {})
    }  # what moto drops
    done.told |= {f"{name}.Outputs.{each['OutputKey']}": each["OutputValue"] for each in stack.get("Outputs", [])}


def text(value: Any) -> str:
    """An answer as CloudFormation's API takes it."""
    return ",".join(value) if isinstance(value, list) else str(value)


def known(whole: Mapping[str, Any]) -> dict[str, Any]:
    """A template without what moto does not know; what refers to that has a text in its place."""
    lacking = {name for name, made in whole["Resources"].items() if made["Type"] in UNKNOWN}
    kept = {name: made for name, made in whole["Resources"].items() if name not in lacking}
    waiting = {name: [each for each in after(made) if each not in lacking] for name, made in kept.items()}
    return {
        **{key: value for key, value in whole.items() if key != "Rules"},
        "Resources": {name: {**readable(without(made, lacking)), "DependsOn": waiting[name]} for name, made in kept.items()},
        "Outputs": without(whole.get("Outputs", {}), lacking),
    }


def readable(made: Mapping[str, Any]) -> dict[str, Any]:
    """A resource without what moto misreads."""
    left = MISREAD.get(made["Type"], ())
    return {**made, "Properties": {key: value for key, value in made.get("Properties", {}).items() if key not in left}}


def without(value: Any, lacking: set[str]) -> Any:
    """A value with a text instead of every Ref and GetAtt to one of these logical ids."""
    if isinstance(value, list):
        return [without(each, lacking) for each in value]
    if not isinstance(value, dict):
        return value
    match [*value.items()]:
        case [("Fn::Cidr", [_, count, bits])]:  # which moto does not know
            blocks = ip_network(VPC).subnets(new_prefix=32 - int(bits))
            return [str(block) for block in islice(blocks, int(count))]
        case [("Ref", str(name))] if name in lacking:
            return resolved.invented(name)
        case [("Fn::GetAtt", [name, attribute])] if name in lacking:
            return resolved.invented(f"{name}{attribute}")
        case [("Fn::Sub", str(pattern))]:
            return {
                "Fn::Sub": re.sub(
                    r"\$\{(\w+)([.\w]*)\}", lambda m: resolved.invented(m[1]) if m[1] in lacking else m[0], pattern
                )
            }
    return {key: without(each, lacking) for key, each in value.items()}


def test_what_moto_does_not_know_is_listed() -> None:
    used = {made["Type"] for file in NESTED for made in template(file)["Resources"].values()}
    assert used - {*get_model_map()} == UNKNOWN


def test_every_stack_is_made_with_all_that_moto_knows(deployed: Deployed) -> None:
    assert {*deployed.made} == {*NESTED}
    assert deployed.made == deployed.wanted
    assert sum(map(len, deployed.made.values())) > 300


def test_the_tables_queues_and_roles_are_there_under_the_names_that_the_adapters_use(deployed: Deployed) -> None:
    tables = deployed.client("dynamodb").list_tables()["TableNames"]
    assert {*tables} == {names.table_name("foundation", kind) for kind in PLATFORM.records}
    queues = {url.rpartition("/")[2] for url in deployed.client("sqs").list_queues()["QueueUrls"]}
    assert queues >= {names.queue_name("foundation", queue.name) for queue in PLATFORM.queues}
