"""A deployment as `manage.py deploy-check` finds it: its parts in moto, a Bedrock of ours, and what its URLs answer."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from deploy.cloudformation import house
from foundation.adapters.aws import names, tables
from foundation.ports import SCOPE
from tests.servers.moto import REGION, Moto

PLATFORM = house.platform()
SERVICES = (
    "API_GATEWAY",
    "APPLICATION_AUTO_SCALING",
    "BACKUP",
    "BEDROCK",
    "CLOUDFORMATION",
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "COGNITO_IDENTITY_PROVIDER",
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
)
MANIFEST = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}


@dataclass
class Endpoints:
    """A web server with the answers of a deployment's URLs: path to status and document."""

    url: str = ""
    told: dict[str, tuple[int, Any]] = field(default_factory=dict)


@contextmanager
def served() -> Iterator[Endpoints]:
    """Endpoints, all of which are well."""
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


def deployment_of(told: Mapping[str, str]) -> str:
    """The name of the deployment, which is also that of its stack."""
    return told["FilesBucket"].removesuffix("-files")
