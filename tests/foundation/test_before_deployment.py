"""manage.py deploy-check before a deployment, against moto: what has room, and what is in its way."""

import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from django.core.management import call_command

from deploy.cloudformation import needs, taken
from foundation.adapters.aws import names, quotas
from foundation.adapters.aws.quotas import Need
from foundation.settings import CHOSEN
from tests.foundation.deployment_in_moto import PLATFORM, checked, deployment_of
from tests.servers.moto import KEY, REGION, SECRET, Moto


def test_an_empty_account_has_room_and_nothing_in_the_way(account: Moto) -> None:
    _, found = checked("--before", "--deployment", "untouched", "--stack", "untouched")
    for subject in ("credentials", "region", "stack", "names", "vectors", "role for logs", "quota of VPCs of the region"):
        assert found[subject]["good"], found[subject]


def test_what_stayed_of_a_former_deployment_is_in_the_way(told: Mapping[str, str]) -> None:
    name = deployment_of(told)
    code, found = checked("--before", "--deployment", name, "--stack", name)
    assert code == 1
    for subject in ("stack", "names", "vectors"):
        assert not found[subject]["good"] and "already" in found[subject]["text"] and found[subject]["remedy"]


def test_a_deployment_whose_name_begins_alike_is_not_in_the_way(account: Moto) -> None:
    queues: Any = account.client("sqs")
    queues.create_queue(QueueName=names.queue_name("beside-two", "chunking"))
    for deployment, free in (("beside", True), ("beside-two", False)):
        _, found = checked("--before", "--deployment", deployment, "--stack", deployment)
        assert found["names"]["good"] is free, found["names"]


def test_every_name_that_stays_taken_is_looked_for() -> None:
    known = taken.taken("us-west-2", "mine")
    assert {"mine-settings/signing-keys", "mine-platform", "mine-backups", "mine-files-{account}-us-west-2"} < set(known)
    assert {names.table_name("mine", kind) for kind in PLATFORM.records} < set(known)
    assert {names.dead_queue_name("mine", queue.name) for queue in PLATFORM.queues} < set(known)


def test_what_stayed_of_a_collection_and_of_logs_is_in_the_way(account: Moto) -> None:
    client: Any = account.client
    rule = {"ResourceType": "collection", "Resource": ["collection/policed-vectors"]}
    policy = json.dumps({"Rules": [rule], "AWSOwnedKey": True})
    client("opensearchserverless").create_security_policy(name="policed-vectors", policy=policy, type="encryption")
    client("logs").create_log_group(logGroupName="/logged/operations")
    for deployment, left in (("policed", "policed-vectors"), ("logged", "/logged/operations")):
        _, found = checked("--before", "--deployment", deployment, "--stack", deployment)
        assert not found["names"]["good"] and left in found["names"]["text"], found["names"]


def test_a_secret_that_waits_for_its_deletion_is_in_the_way(account: Moto) -> None:
    secrets: Any = account.client("secretsmanager")
    secrets.create_secret(Name="removed-settings/signing-keys", SecretString="x")
    secrets.delete_secret(SecretId="removed-settings/signing-keys", RecoveryWindowInDays=7)
    _, found = checked("--before", "--deployment", "removed", "--stack", "removed")
    assert not found["names"]["good"] and "removed-settings/signing-keys" in found["names"]["text"]


def test_a_release_that_is_not_whole_in_its_bucket_is_told_file_by_file(account: Moto) -> None:
    s3: Any = account.client("s3")
    s3.create_bucket(Bucket="release-of-a-test", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="release-of-a-test", Key="1/foundation.json", Body=b"{}")
    _, found = checked("--before", "--bucket", "release-of-a-test", "--prefix", "1/")
    assert not found["release"]["good"] and "1/release.zip" in found["release"]["text"]
    assert "1/foundation.json" not in found["release"]["text"]


def test_without_credentials_nothing_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    code, found = checked("--before")
    assert code == 1 and [*found] == ["credentials"]


@pytest.mark.parametrize(("profile", "addresses"), [("Small", 1), ("Production", 2)])
def test_what_is_needed_is_counted_in_the_templates(profile: str, addresses: int) -> None:
    wanted = {need.what: need.amount for need in needs.needs(profile)}
    assert (wanted["VPCs of the region"], wanted["elastic IP addresses"]) == (1, addresses)
    assert wanted["vCPU of Fargate"] >= 3 and wanted["resources of a REST API"] < 300
    assert wanted["builds that run at once"] == 1 and "builds that run at once on ARM" not in wanted
    assert bool(wanted["vCPU of Fargate Spot"]) == (profile == "Small")  # whose workers run there


def test_a_deployment_on_arm_needs_a_build_on_arm() -> None:
    wanted = {need.what: need.amount for need in needs.needs("Small", "ARM64")}
    assert wanted["builds that run at once on ARM"] == 1 and "builds that run at once" not in wanted


def test_a_quota_that_is_too_low_stands_against_a_deployment(account: Moto) -> None:
    there = replace(CHOSEN, aws_region=REGION)
    vpcs = Need("vpc", "L-F678F1CE", "VPCs of the region", 1)
    assert "VPCs of the region are needed" in quotas.room(there, vpcs)
    with pytest.raises(OSError, match="1000 of 5 VPCs"):
        quotas.room(there, replace(vpcs, amount=1000))


def test_where_an_account_has_no_quota_of_its_own_the_default_holds() -> None:
    need = Need("fargate", "L-3032A538", "vCPU of Fargate", 8)
    asked = {"ServiceCode": need.service, "QuotaCode": need.code}
    client: Any = boto3.session.Session(KEY, SECRET).client("service-quotas", region_name=REGION)
    with Stubber(client) as stubber:  # moto knows no defaults
        stubber.add_client_error("get_service_quota", "NoSuchResourceException", expected_params=asked)
        stubber.add_response("get_aws_default_service_quota", {"Quota": {"Value": 4000.0}}, asked)
        assert quotas.quota(client, need) == 4000
        for name in ("get_service_quota", "get_aws_default_service_quota"):
            stubber.add_client_error(name, "NoSuchResourceException")
        assert quotas.quota(client, need) is None


def test_what_is_used_already_counts_against_a_quota(account: Moto) -> None:
    ec2: Any = account.client("ec2")
    made = [ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
    try:
        used = len(ec2.describe_vpcs()["Vpcs"])
        need = Need("vpc", "L-F678F1CE", "VPCs of the region", 6 - used)
        with pytest.raises(OSError, match=f"{used} are used"):
            quotas.room(replace(CHOSEN, aws_region=REGION), need)
    finally:
        for each in made:
            ec2.delete_vpc(VpcId=each)


def test_people_read_a_line_for_each_finding_and_what_to_do(account: Moto) -> None:
    written = StringIO()
    with pytest.raises(SystemExit):
        call_command("deploy-check", "--after", "no-such-stack", "--region", REGION, stdout=written)
    first, second, last = written.getvalue().splitlines()
    assert first.startswith("BAD   stack no-such-stack") and "-> Check its name" in second and last == "1 of 1 checks failed."
