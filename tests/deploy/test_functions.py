"""The functions that AWS calls: where they stand, what they may do there, and who hears that one never answered."""

from typing import Any

import pytest

from deploy.cloudformation.resolved import deployment
from tests.deploy.reading import SINGLE, resources

FUNCTIONS = [(file, name) for file in SINGLE for name in resources(file, "AWS::Lambda::Function")]


def made(file: str, name: str) -> dict[str, Any]:
    """The properties of a function."""
    found: dict[str, Any] = resources(file, "AWS::Lambda::Function")[name]
    return found


def test_each_stack_that_needs_one_has_one() -> None:
    assert {file for file, _ in FUNCTIONS} == {"data.json", "front.json", "build.json", "services.json", "guard.json"}


@pytest.mark.parametrize(("file", "name"), FUNCTIONS)
def test_it_stands_in_the_vpc_and_what_it_cannot_answer_is_told_to_the_administrator(file: str, name: str) -> None:
    function = made(file, name)
    assert function["VpcConfig"] == {
        "SubnetIds": {"Ref": "PrivateSubnets"},
        "SecurityGroupIds": [{"Ref": "FunctionsGroupId"}],
    }
    topic = "Destroyed" if file == "data.json" else "AdministratorTopicArn"
    assert function["DeadLetterConfig"] == {"TargetArn": {"Ref": topic}}
    (mail,) = resources("data.json", "AWS::SNS::Subscription").values()
    assert (mail["TopicArn"], mail["Endpoint"]) == ({"Ref": "Destroyed"}, {"Ref": "AdministratorEmail"})


@pytest.mark.parametrize(("file", "name"), FUNCTIONS)
def test_its_own_code_may_not_touch_the_networks_interfaces(file: str, name: str) -> None:
    role = resources(file, "AWS::IAM::Role")[made(file, name)["Role"]["Fn::GetAtt"][0]]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    allowed, refused = (
        {action for each in statements if each["Effect"] == effect for action in each["Action"] if action.startswith("ec2:")}
        for effect in ("Allow", "Deny")
    )
    assert allowed == refused != set()
    (deny,) = (each for each in statements if each["Effect"] == "Deny")
    assert [*deny["Condition"]["ArnLike"]] == ["lambda:SourceFunctionArn"]


def test_an_answer_is_awaited_for_longer_than_a_function_runs_that_has_to_wake_first() -> None:
    waits = [
        made["ServiceTimeout"] for file in SINGLE for made in resources(file, "AWS::CloudFormation::CustomResource").values()
    ]
    runs = [made(*function)["Timeout"] for function in FUNCTIONS]
    assert len(waits) == len(runs) - 1  # Secrets Manager calls the one that rotates
    assert min(waits) >= max(runs) + 300


def test_a_reserve_is_kept_in_production_alone_as_new_accounts_have_too_little_for_one() -> None:
    for profile, kept in (("Small", None), ("Production", 1)):
        stacks = deployment(CostProfile=profile)
        found = [
            each["Properties"].get("ReservedConcurrentExecutions")
            for stack in stacks.values()
            for each in stack["Resources"].values()
            if each["Type"] == "AWS::Lambda::Function"
        ]
        assert set(found) == {kept}
