"""Data outlives mistakes: everything that is stored is backed up, and no update of a stack may replace or delete it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.cloudformation.policy import HOLDS_DATA, stack_policy
from deploy.cloudformation.stacks.guard import GUARDED
from foundation.adapters.aws import names
from tests.deploy.functions import called
from tests.deploy.reading import NESTED, PLATFORM, ROOT, holds, resources, said, template
from tests.servers.moto import Moto

EMPTY = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "kept"}}}})


def test_every_table_and_the_bucket_are_backed_up() -> None:
    (selection,) = resources("backup.json", "AWS::Backup::BackupSelection").values()
    chosen = selection["BackupSelection"]["Resources"]
    assert chosen[-1] == {"Ref": "FilesBucketArn"}
    assert {said(each).rpartition("/")[2] for each in chosen[:-1]} == {names.table_name("d", kind) for kind in PLATFORM.records}


def test_the_role_of_backups_reads_what_is_stored_and_writes_none_of_it() -> None:
    (role,) = resources("backup.json", "AWS::IAM::Role").values()
    actions = [
        action for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"] for action in each["Action"]
    ]
    assert not [action for action in actions if "*" in action]
    changing = ("s3:PutObject", "s3:DeleteObject", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
    assert {*changing, "dynamodb:DeleteTable", "s3:DeleteBucket"}.isdisjoint(actions)


def test_the_role_of_backups_may_give_them_the_tags_of_what_they_are_of_and_of_the_plan() -> None:
    (plan,) = resources("backup.json", "AWS::Backup::BackupPlan").values()
    assert all(rule["RecoveryPointTags"] for rule in plan["BackupPlan"]["BackupPlanRule"])
    (role,) = resources("backup.json", "AWS::IAM::Role").values()
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    (where,) = [each["Resource"] for each in statements if "backup:TagResource" in each["Action"]]
    (made,) = map(said, where)
    assert made.startswith("arn:") and made.endswith(":recovery-point:*") and ":backup:" in made


@pytest.mark.parametrize(
    ("lock", "expected"), [("None", (False, False)), ("Governance", (True, False)), ("Compliance", (True, True))]
)
def test_a_vault_is_locked_as_asked(lock: str, expected: tuple[bool, bool]) -> None:
    assert tuple(holds("backup.json", name, {"BackupLock": lock}) for name in ("Locked", "Forever")) == expected
    (vault,) = resources("backup.json", "AWS::Backup::BackupVault").values()
    condition, locked, otherwise = vault["LockConfiguration"]["Fn::If"]
    assert (condition, otherwise) == ("Locked", {"Ref": "AWS::NoValue"})
    assert locked["ChangeableForDays"] == {"Fn::If": ["Forever", 3, {"Ref": "AWS::NoValue"}]}
    days = template("backup.json")["Parameters"]["BackupDays"]
    assert locked["MinRetentionDays"] <= days["MinValue"] <= days["MaxValue"] <= locked["MaxRetentionDays"]


def test_every_stack_that_holds_data_is_guarded() -> None:
    holding = {
        file.removesuffix(".json")
        for file in NESTED
        if any(made["Type"] in HOLDS_DATA for made in template(file)["Resources"].values())
    }
    assert {*GUARDED} == holding
    (policies,) = resources("guard.json", "AWS::CloudFormation::CustomResource").values()
    assert [each["Ref"] for each in policies["Stacks"]] == [f"{name.capitalize()}StackId" for name in GUARDED]
    given = resources(ROOT, "AWS::CloudFormation::Stack")["Guard"]["Parameters"]
    for name in GUARDED:
        title = name.capitalize()
        assert given[f"{title}StackId"] == {"Fn::GetAtt": [title, f"Outputs.{title}StackId"]}
        assert template(f"{name}.json")["Outputs"][f"{title}StackId"]["Value"] == {"Ref": "AWS::StackId"}


def test_the_guard_puts_the_policy_that_is_handed_out() -> None:
    (policies,) = resources("guard.json", "AWS::CloudFormation::CustomResource").values()
    assert json.loads(policies["Policy"]) == stack_policy() == template("stack-policy.json")


@pytest.fixture
def stacks(moto: Moto) -> Iterator[list[str]]:
    """Two stacks without a policy."""
    made = moto.client("cloudformation")
    ids = [made.create_stack(StackName=name, TemplateBody=EMPTY)["StackId"] for name in ("kept-one", "kept-two")]
    yield ids
    for each in ids:
        made.delete_stack(StackName=each)


def policies(moto: Moto, stacks: list[str]) -> list[Any]:
    """The policy of each stack, or None."""
    found = (moto.client("cloudformation").get_stack_policy(StackName=each).get("StackPolicyBody") for each in stacks)
    return [json.loads(each) if each else None for each in found]


def test_the_policy_is_put_on_each_stack_and_stays(moto: Moto, stacks: list[str]) -> None:
    asked = {"Stacks": stacks, "Policy": json.dumps(stack_policy())}
    assert policies(moto, stacks) == [None, None]
    with moto.reached():
        assert [called("guard.py", request, asked).status for request in ("Create", "Update")] == ["SUCCESS"] * 2
        assert policies(moto, stacks) == [stack_policy()] * 2
        assert called("guard.py", "Delete", {**asked, "Policy": "{}"}).status == "SUCCESS"
        assert policies(moto, stacks) == [stack_policy()] * 2
        refused = called("guard.py", "Create", {**asked, "Stacks": [f"{stacks[0]}-not"]})
    assert refused.status == "FAILED"
    assert "does not exist" in refused.reason
