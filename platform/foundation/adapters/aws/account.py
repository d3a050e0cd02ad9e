"""An account and region of AWS before a deployment: who we are, what is there already, whether the services are there."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.adapters.aws.clients import answering, client, code_of, session
from foundation.settings import Settings

SERVICES: Final = (  # those of which a region may have none, by boto3's names
    *("apigateway", "backup", "bedrock", "codebuild", "cognito-idp", "dynamodb", "ecs", "elasticache", "elbv2"),
    *("opensearchserverless", "s3", "secretsmanager", "sqs", "textract", "wafv2"),
)


def identity(settings: Settings) -> str:
    """Whose credentials are used. Problem: there are none, or AWS does not take them."""
    with answering("AWS"):
        return str(client("sts", settings).get_caller_identity()["Arn"])


def services(settings: Settings) -> str:
    """That the region has every service. OSError names those that it lacks, by what botocore knows of regions."""
    lacking = [name for name in SERVICES if settings.aws_region not in session().get_available_regions(name)]
    if lacking:
        raise OSError(f"{settings.aws_region} lacks {', '.join(lacking)}")
    return f"{settings.aws_region} has all {len(SERVICES)} services that it may lack"


def collections(settings: Settings) -> str:
    """That OpenSearch Serverless answers, and has no collection of a former deployment."""
    name = f"{settings.deployment}-vectors"
    with answering("OpenSearch Serverless"):
        found = client("opensearchserverless", settings).list_collections(collectionFilters={"name": name})
    if any(each["name"] == name for each in found["collectionSummaries"]):
        raise OSError(f"the collection {name} is there already")
    return "answers, and has no collection of this deployment"


def stack(settings: Settings, name: str) -> str:
    """That there is no stack of that name. OSError: there is one."""
    with answering("CloudFormation"):
        try:
            (found,) = client("cloudformation", settings).describe_stacks(StackName=name)["Stacks"]
        except ClientError as refused:
            if code_of(refused) == "ValidationError":  # its way to say that there is none
                return f"there is no stack {name} yet"
            raise
    raise OSError(f"the stack {name} is there already, as {found['StackStatus']}")


def left(settings: Settings) -> str:
    """That nothing of a former deployment of that name stayed that has such a name. OSError names the first that did."""
    prefix = f"{settings.deployment}-"
    kinds = {"tables": _tables, "buckets": _buckets, "queues": _queues, "secrets": _secrets, "repositories and vaults": _others}
    found = {kind: [*named(settings, prefix)] for kind, named in kinds.items()}
    if any(found.values()):
        counts = ", ".join(f"{len(names)} {kind}" for kind, names in found.items() if names)
        first = ", ".join(names[0] for names in found.values() if names)
        raise OSError(f"{counts} are there already, for example {first}")
    return f"nothing is named {prefix}… yet"


def _tables(settings: Settings, prefix: str) -> Iterator[str]:
    with answering("DynamoDB"):  # names come in no order of the alphabet's, but each deployment has but few tables
        for page in client("dynamodb", settings).get_paginator("list_tables").paginate():
            yield from (name for name in page["TableNames"] if name.startswith(prefix))


def _buckets(settings: Settings, prefix: str) -> Iterator[str]:
    with answering("S3"):
        names = [each["Name"] for each in client("s3", settings).list_buckets()["Buckets"]]
    yield from (name for name in names if name.startswith(prefix) and name.endswith(f"-{settings.aws_region}"))


def _queues(settings: Settings, prefix: str) -> Iterator[str]:
    with answering("SQS"):
        for page in client("sqs", settings).get_paginator("list_queues").paginate(QueueNamePrefix=prefix):
            yield from (url.rpartition("/")[2] for url in page.get("QueueUrls", []))


def _secrets(settings: Settings, prefix: str) -> Iterator[str]:
    """Those of settings, also while they wait for their deletion: until then AWS gives their names to no other."""
    asked = {"IncludePlannedDeletion": True, "Filters": [{"Key": "name", "Values": [f"{prefix}settings/"]}]}
    with answering("Secrets Manager"):
        for page in client("secretsmanager", settings).get_paginator("list_secrets").paginate(**asked):
            yield from (each["Name"] for each in page["SecretList"])


def _others(settings: Settings, prefix: str) -> Iterator[str]:
    with answering("ECR"):
        for page in client("ecr", settings).get_paginator("describe_repositories").paginate():
            yield from (
                each["repositoryName"] for each in page["repositories"] if each["repositoryName"] == f"{prefix}platform"
            )
    with answering("AWS Backup"):
        for page in client("backup", settings).get_paginator("list_backup_vaults").paginate():
            names = (each["BackupVaultName"] for each in page["BackupVaultList"])
            yield from (name for name in names if name == f"{prefix}backups")


def log_role(settings: Settings) -> str:
    """What to answer at ApiGatewayLogRole."""
    with answering("API Gateway"):
        found = client("apigateway", settings).get_account().get("cloudwatchRoleArn")
    return f"there is {found}: answer Keep at ApiGatewayLogRole" if found else "there is none: leave Make at ApiGatewayLogRole"


def release(settings: Settings, bucket: str, keys: Sequence[str]) -> str:
    """That a bucket of the region holds these files. OSError names what is missing or that it is elsewhere."""
    s3 = client("s3", settings)
    with answering("S3"):
        region = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
        if region != settings.aws_region:
            raise OSError(f"the bucket {bucket} is in {region}")
        missing = [key for key in keys if not _is_there(s3, bucket, key)]
    if missing:
        raise OSError(f"the bucket {bucket} lacks {', '.join(missing)}")
    return f"the bucket {bucket} has all {len(keys)} files"


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as refused:
        if code_of(refused) in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True
