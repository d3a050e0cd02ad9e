"""An account and region of AWS before a deployment: who we are, what is there already, whether the services are there."""

from collections.abc import Collection, Iterator, Sequence
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


def left(settings: Settings, names: Collection[str]) -> str:
    """That none of these names, `{account}` in the place of the account's number, is taken. OSError names the first that is."""
    with answering("AWS"):
        number = client("sts", settings).get_caller_identity()["Account"]
    wanted = {name.format(account=number) for name in names}
    found = sorted({name for listed in LISTED for name in listed(settings) if name in wanted})
    if found:
        raise OSError(f"{len(found)} names of the {len(wanted)} that it needs are taken already: {', '.join(found)[:200]}")
    return f"the {len(wanted)} names that it keeps are free"


def _tables(settings: Settings) -> Iterator[str]:
    with answering("DynamoDB"):
        for page in client("dynamodb", settings).get_paginator("list_tables").paginate():
            yield from page["TableNames"]


def _buckets(settings: Settings) -> Iterator[str]:
    with answering("S3"):
        yield from (each["Name"] for each in client("s3", settings).list_buckets()["Buckets"])


def _queues(settings: Settings) -> Iterator[str]:
    with answering("SQS"):
        for page in client("sqs", settings).get_paginator("list_queues").paginate(QueueNamePrefix=f"{settings.deployment}-"):
            yield from (url.rpartition("/")[2] for url in page.get("QueueUrls", []))


def _secrets(settings: Settings) -> Iterator[str]:
    """Also those that wait for their deletion: until then AWS gives their names to no other."""
    with answering("Secrets Manager"):
        for page in client("secretsmanager", settings).get_paginator("list_secrets").paginate(IncludePlannedDeletion=True):
            yield from (each["Name"] for each in page["SecretList"])


def _repositories(settings: Settings) -> Iterator[str]:
    with answering("ECR"):
        for page in client("ecr", settings).get_paginator("describe_repositories").paginate():
            yield from (each["repositoryName"] for each in page["repositories"])


def _vaults(settings: Settings) -> Iterator[str]:
    with answering("AWS Backup"):
        for page in client("backup", settings).get_paginator("list_backup_vaults").paginate():
            yield from (each["BackupVaultName"] for each in page["BackupVaultList"])


def _log_groups(settings: Settings) -> Iterator[str]:
    pages = client("logs", settings).get_paginator("describe_log_groups")
    with answering("CloudWatch Logs"):
        for prefix in (f"/{settings.deployment}/", f"aws-waf-logs-{settings.deployment}-"):
            for page in pages.paginate(logGroupNamePrefix=prefix):
                yield from (each["logGroupName"] for each in page["logGroups"])


def _policies_of_collections(settings: Settings) -> Iterator[str]:
    with answering("OpenSearch Serverless"):
        for kind in ("encryption", "network"):
            resource = f"collection/{settings.deployment}-vectors"
            asked = client("opensearchserverless", settings).list_security_policies(type=kind, resource=[resource])
            yield from (each["name"] for each in asked["securityPolicySummaries"])


LISTED: Final = (  # of what keeps its name when its stack goes
    *(_tables, _buckets, _queues, _secrets, _repositories, _vaults, _log_groups, _policies_of_collections),
)


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
