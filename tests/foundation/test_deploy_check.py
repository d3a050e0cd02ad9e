"""manage.py deploy-check against moto, a Bedrock of ours and a web server that stands for a deployment's endpoints."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from django.core.management import call_command

from deploy.cloudformation import house, needs, taken
from foundation import after_deployment
from foundation.adapters.aws import names, quotas, tables
from foundation.adapters.aws.quotas import Need
from foundation.ports import SCOPE
from foundation.settings import CHOSEN
from tests.deploy.reading import template
from tests.servers.moto import KEY, REGION, SECRET, Moto

PLATFORM = house.platform()
SERVICES = (
    *("APPLICATION_AUTO_SCALING", "API_GATEWAY", "BACKUP", "CLOUDFORMATION", "CLOUDWATCH", "COGNITO_IDENTITY_PROVIDER"),
    *(
        "CLOUDWATCH_LOGS",
        "DYNAMODB",
        "EC2",
        "ECR",
        "ECS",
        "OPENSEARCHSERVERLESS",
        "S3",
        "SECRETS_MANAGER",
        "SERVICE_QUOTAS",
        "SNS",
        "SQS",
        "STS",
    ),
    *("BEDROCK",),
)
MANIFEST = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}


@dataclass
class Endpoints:
    """A web server with the answers of a deployment's URLs: path to status and document."""

    url: str = ""
    told: dict[str, tuple[int, Any]] = field(default_factory=dict)


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    """The endpoints, all of which are well."""
    known = Endpoints()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            up = {"status": "UP"} if self.path.endswith("/service/health") else {}
            status, document = known.told.get(self.path, (200, up))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    known.url = f"http://127.0.0.1:{server.server_port}"
    known.told["/openapi.json"] = (200, {"paths": {"/model/invoke": {}}})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """An account whose every service is moto's; what a test makes in it is named by the test's own deployment."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    for service in SERVICES:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", moto.url)
    yield moto


def checked(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The command's exit code and its findings by subject; of several with one subject, the first that is wrong."""
    written = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("deploy-check", *arguments, "--region", REGION, "--json", stdout=written)
    found: dict[str, dict[str, Any]] = {}
    for each in json.loads(written.getvalue())["findings"]:
        if found.get(each["subject"], {"good": True})["good"]:
            found[each["subject"]] = each
    return int(str(ended.value.code)), found


def made(account: Moto, deployment: str, endpoints: Endpoints) -> Mapping[str, str]:
    """A deployment in moto, part by part as the templates make it; its root stack, which only tells the outputs."""
    client: Any = account.client
    for kind in PLATFORM.records:
        client("dynamodb").create_table(TableName=names.table_name(deployment, kind), **tables.properties(kind))
    for queue in PLATFORM.queues:
        for name in (names.queue_name, names.dead_queue_name):
            client("sqs").create_queue(QueueName=name(deployment, queue.name))
    for bucket in (f"{deployment}-files", f"{deployment}-logs"):
        s3 = client("s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(every, True))
    pools = [account.pool(f"{deployment}-{name}") for name in ("applications", "administrators")]
    for pool in pools:
        client("cognito-idp").update_user_pool(UserPoolId=pool, DeletionProtection="ACTIVE")
    ecr = client("ecr")
    uri = ecr.create_repository(repositoryName=f"{deployment}-platform")["repository"]["repositoryUri"]
    ecr.put_image(repositoryName=f"{deployment}-platform", imageManifest=json.dumps(MANIFEST), imageTag="1")
    ecs = client("ecs")
    ecs.create_cluster(clusterName=f"{deployment}-cluster")
    task = {"family": f"{deployment}-operations", "containerDefinitions": [{"name": "x", "image": "x", "memory": 64}]}
    arn = ecs.register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster=f"{deployment}-cluster", serviceName="resting", taskDefinition=arn, desiredCount=0)
    collection = {"name": f"{deployment}-vectors", "type": "VECTORSEARCH", "tags": []}
    policy: dict[str, Any] = {
        "Rules": [{"ResourceType": "collection", "Resource": [f"collection/{deployment}-vectors"]}],
        "AWSOwnedKey": False,
    }
    policy["KmsARN"] = f"arn:aws:kms:{REGION}:123456789012:key/1"
    client("opensearchserverless").create_security_policy(name=f"{deployment}-v", policy=json.dumps(policy), type="encryption")
    client("opensearchserverless").create_collection(**collection)
    topic = client("sns").create_topic(Name=f"{deployment}-alarms")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{deployment}-mail")
    client("cloudwatch").put_dashboard(DashboardName=f"{deployment}-d", DashboardBody='{"widgets": []}')
    client("backup").create_backup_vault(BackupVaultName=f"{deployment}-backups")
    secret = client("secretsmanager").create_secret(Name=f"{deployment}-settings/signing-keys", SecretString="{}")
    told = {
        "AdministratorsDomain": endpoints.url,
        "AdministratorsPoolId": pools[1],
        "AlarmsTopicArn": topic,
        "ApiTarget": "none",
        "ApiUrl": endpoints.url,
        "ApplicationsDomain": endpoints.url,
        "ApplicationsPoolId": pools[0],
        "BackupVaultName": f"{deployment}-backups",
        "ClusterName": f"{deployment}-cluster",
        "CollectionUrl": "https://vectors.example",
        "DashboardUrl": f"https://console.example/#dashboards:name={deployment}-d",
        "FilesBucket": f"{deployment}-files",
        "ImageUri": f"{uri}:1",
        "LogsBucket": f"{deployment}-logs",
        "OperationsTask": arn,
        "PortalTarget": "none",
        "PortalUrl": endpoints.url,
        "SigningKeysSecretArn": secret["ARN"],
        "RepositoryUri": uri,
        "Scope": SCOPE,
    }
    stack_of(account, deployment, told)
    return told


def stack_of(account: Moto, name: str, told: Mapping[str, str]) -> None:
    """A stack that tells this."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"{name}-of-the-stack"}}
    body = {"Resources": {"Topic": topic}, "Outputs": {key: {"Value": value} for key, value in told.items()}}
    cloudformation: Any = account.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))


@pytest.fixture
def told(account: Moto, endpoints: Endpoints, request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What the root stack of a whole deployment tells."""
    return made(account, "whole" + str(abs(hash(request.node.name)) % 10**6), endpoints)


def deployment_of(told: Mapping[str, str]) -> str:
    """The name of the deployment, which is also that of its stack."""
    return told["FilesBucket"].removesuffix("-files")


def test_a_whole_deployment_is_good_in_every_output_and_every_service(told: Mapping[str, str]) -> None:
    name = deployment_of(told)
    code, found = checked("--after", name, "--deployment", name)
    assert [each for each in found.values() if not each["good"]] == []
    assert code == 0
    assert set(template("foundation.json")["Outputs"]) <= set(found)
    assert {"service model", "service prompt", "service vectorization", "tables", "queues"} <= set(found)


def test_what_is_wrong_is_told_with_a_remedy(told: Mapping[str, str], account: Moto, endpoints: Endpoints) -> None:
    name = deployment_of(told)
    endpoints.told |= {"/model/service/health": (503, {}), "/usage/service/health": (200, {"status": "DOWN"})}
    dynamodb: Any = account.client("dynamodb")
    dynamodb.delete_table(TableName=f"{name}-applications")
    s3: Any = account.client("s3")
    s3.put_public_access_block(Bucket=told["LogsBucket"], PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    code, found = checked("--after", name, "--deployment", name)
    assert code == 1
    wrong = {subject: each for subject, each in found.items() if not each["good"]}
    assert set(wrong) == {"service model", "service usage", "tables", "LogsBucket"}
    assert f"{name}-applications" in wrong["tables"]["text"] and "503" in wrong["service model"]["text"]
    assert all(each["remedy"] for each in wrong.values())


def test_a_raised_alarm_is_told_by_its_name(told: Mapping[str, str], account: Moto) -> None:
    name = deployment_of(told)
    cloudwatch: Any = account.client("cloudwatch")
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum"}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [told["AlarmsTopicArn"]]}
    cloudwatch.put_metric_alarm(AlarmName=f"{name}-errors", **alarm, **rule)
    cloudwatch.set_alarm_state(AlarmName=f"{name}-errors", StateValue="ALARM", StateReason="a test")
    code, found = checked("--after", name, "--deployment", name)
    assert code == 1 and f"{name}-errors" in found["AlarmsTopicArn"]["text"]


def test_a_stack_that_is_not_there_is_told(account: Moto) -> None:
    code, found = checked("--after", "no-such-stack")
    assert code == 1 and [*found] == ["stack no-such-stack"]


def test_every_output_of_the_root_has_a_check() -> None:
    assert {output for output, *_ in after_deployment.BEHIND} | {"Scope"} == set(template("foundation.json")["Outputs"])


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
