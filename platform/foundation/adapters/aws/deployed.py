"""A deployment in an account of AWS, part by part: its stacks, and what is behind each of their outputs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from foundation.adapters.aws import names
from foundation.adapters.aws.clients import answering, client
from foundation.manifest import Queue
from foundation.ports import SCOPE
from foundation.records import Record
from foundation.settings import Settings

NESTED: Final = "AWS::CloudFormation::Stack"
DONE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
DIGEST: Final = "@"
MOST_NAMED: Final = 5  # of many that are wrong, as many are named


def outputs(settings: Settings, stack: str) -> Mapping[str, str]:
    """What a stack tells, by name. Problem: there is no such stack, or it cannot be read."""
    with answering(f"the stack {stack}"):
        (found,) = client("cloudformation", settings).describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}


def stacks(settings: Settings, stack: str) -> Iterator[tuple[str, str]]:
    """The stack and those that it nests, each with its state."""
    cloudformation = client("cloudformation", settings)
    with answering(f"the stack {stack}"):
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        pages = [*cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)]
    yield stack, found["StackStatus"]
    for page in pages:
        for each in page["StackResourceSummaries"]:
            if each["ResourceType"] == NESTED:
                yield each["LogicalResourceId"], each["ResourceStatus"]


def tables(settings: Settings, kinds: Iterable[type[Record]]) -> str:
    """That every record has its table."""
    dynamodb = client("dynamodb", settings)
    with answering("DynamoDB"):
        found = {each for page in dynamodb.get_paginator("list_tables").paginate() for each in page["TableNames"]}
    wanted = {names.table_name(settings.deployment, kind) for kind in kinds}
    return complete("tables", wanted, found)


def queues(settings: Settings, wanted: Iterable[Queue]) -> str:
    """That every queue is there, and the one of its dead letters."""
    sqs = client("sqs", settings)
    with answering("SQS"):
        pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{settings.deployment}-")
        found = {url.rpartition("/")[2] for page in pages for url in page.get("QueueUrls", ())}
    named = (names.queue_name, names.dead_queue_name)
    return complete("queues", {name(settings.deployment, each.name) for each in wanted for name in named}, found)


def complete(what: str, wanted: set[str], found: set[str]) -> str:
    """All that is wanted is there; OSError names what is not."""
    missing = sorted(wanted - found)
    if missing:
        raise OSError(f"{len(missing)} of {len(wanted)} {what} are missing: {', '.join(missing[:MOST_NAMED])}")
    return f"all {len(wanted)} {what} are there"


def bucket(settings: Settings, name: str) -> str:
    """That the bucket is there, private and encrypted by a key of the account or S3's own."""
    s3 = client("s3", settings)
    with answering("S3"):
        s3.head_bucket(Bucket=name)
        (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    if not all(blocked.values()):
        raise OSError(f"the bucket {name} may be opened to the public")
    return f"{name} is private, encrypted by {rule['ApplyServerSideEncryptionByDefault']['SSEAlgorithm']}"


def pool(settings: Settings, pool_id: str) -> str:
    """That the pool is there and protected against deletion."""
    with answering("Cognito"):
        found = client("cognito-idp", settings).describe_user_pool(UserPoolId=pool_id)["UserPool"]
    if found.get("DeletionProtection") != "ACTIVE":
        raise OSError(f"the pool {pool_id} is not protected against deletion")
    return f"{found['Name']} is there"


def keys_url(settings: Settings, pool_id: str) -> str:
    """Where the issuer of a pool publishes its keys."""
    return f"{client('cognito-idp', settings).meta.endpoint_url}/{pool_id}/.well-known/jwks.json"


def scope(settings: Settings, pool_id: str, told: str) -> str:
    """That the pool knows the scope that applications ask for."""
    server, _, word = told.partition("/")
    with answering("Cognito"):
        found = client("cognito-idp", settings).describe_resource_server(UserPoolId=pool_id, Identifier=server)
    if told != SCOPE or word not in {each["ScopeName"] for each in found["ResourceServer"].get("Scopes", ())}:
        raise OSError(f"the pool does not know the scope {told}, or it is not {SCOPE}")
    return f"the pool knows {told}"


def secret(settings: Settings, arn: str) -> str:
    """That the secret is there."""
    with answering("Secrets Manager"):
        return f"{client('secretsmanager', settings).describe_secret(SecretId=arn)['Name']} is there"


def repository(settings: Settings, uri: str) -> str:
    """That the repository of images is there."""
    name = uri.partition("/")[2]
    with answering("ECR"):
        client("ecr", settings).describe_repositories(repositoryNames=[name])
    return f"{name} is there"


def image(settings: Settings, uri: str) -> str:
    """That the image is there."""
    place, by_digest, digest = uri.partition(DIGEST)
    name, _, tag = place.partition("/")[2].partition(":")
    with answering("ECR"):
        which = {"imageDigest": digest} if by_digest else {"imageTag": tag}
        client("ecr", settings).describe_images(repositoryName=name, imageIds=[which])
    return f"{uri.partition('/')[2]} is there"


def containers(settings: Settings, cluster: str) -> str:
    """That every service runs as many containers as it wants. Workers that rest want none."""
    ecs: Any = client("ecs", settings)
    with answering("ECS"):
        arns = [arn for page in ecs.get_paginator("list_services").paginate(cluster=cluster) for arn in page["serviceArns"]]
        parts = [arns[place : place + 10] for place in range(0, len(arns), 10)]  # as many as it tells of at once
        found = [each for part in parts for each in ecs.describe_services(cluster=cluster, services=part)["services"]]
    short = [each["serviceName"] for each in found if each["runningCount"] < each["desiredCount"]]
    if short or not found:
        raise OSError(f"{len(short)} of {len(found)} services lack containers: {', '.join(short[:MOST_NAMED])}")
    return f"all {len(found)} services run what they want"


def task(settings: Settings, arn: str) -> str:
    """That the task definition is there."""
    with answering("ECS"):
        found = client("ecs", settings).describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return f"{found['family']} is there"


def collection(settings: Settings, url: str) -> str:
    """That the collection of vectors is in use."""
    name = f"{settings.deployment}-vectors"
    with answering("OpenSearch Serverless"):
        found = client("opensearchserverless", settings).batch_get_collection(names=[name])["collectionDetails"]
    if not found or found[0]["status"] != "ACTIVE":
        raise OSError(f"the collection {name} is {found[0]['status'] if found else 'not there'}")
    return f"{name} is active at {url}"


def alarms(settings: Settings, topic: str) -> str:
    """That no alarm that is sent to the topic is raised, and somebody reads them."""
    with answering("CloudWatch"):
        pages = client("cloudwatch", settings).get_paginator("describe_alarms").paginate(ActionPrefix=topic)
        found = {each["AlarmName"]: each["StateValue"] for page in pages for each in page["MetricAlarms"]}
    with answering("SNS"):
        read = client("sns", settings).list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    raised = sorted(name for name, state in found.items() if state == "ALARM")
    if raised:
        raise OSError(f"{len(raised)} of {len(found)} alarms are raised: {', '.join(raised[:MOST_NAMED])}")
    if not any(each["SubscriptionArn"].startswith("arn:") for each in read):
        raise OSError("nobody has confirmed the subscription to alarms")
    return f"none of {len(found)} alarms is raised"


def dashboard(settings: Settings, url: str) -> str:
    """That the dashboard is there."""
    name = url.rpartition("name=")[2]
    with answering("CloudWatch"):
        client("cloudwatch", settings).get_dashboard(DashboardName=name)
    return f"{name} is there"


def vault(settings: Settings, name: str) -> str:
    """That the vault is there, and how much it holds: nothing on a deployment's first day."""
    with answering("AWS Backup"):
        found = client("backup", settings).describe_backup_vault(BackupVaultName=name)
    return f"{name} holds {found.get('NumberOfRecoveryPoints', 0)} recovery points"
