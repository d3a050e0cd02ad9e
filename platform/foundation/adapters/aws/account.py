"""An account and region of AWS before a deployment: who we are, what is there already, whether the services are there."""

from collections.abc import Sequence
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
    """That no table and no bucket of a former deployment of that name stayed. OSError names the first that did."""
    prefix = f"{settings.deployment}-"
    with answering("DynamoDB"):  # names come in no order of the alphabet's, but each deployment has but few tables
        pages = client("dynamodb", settings).get_paginator("list_tables").paginate()
        tables = [name for page in pages for name in page["TableNames"] if name.startswith(prefix)]
    with answering("S3"):
        buckets = [each["Name"] for each in client("s3", settings).list_buckets()["Buckets"]]
    ours = [name for name in buckets if name.startswith(prefix) and name.endswith(f"-{settings.aws_region}")]
    if tables or ours:
        raise OSError(f"{len(tables)} tables and {len(ours)} buckets are there already: {', '.join((*tables, *ours))[:200]}")
    return f"nothing is named {prefix}… yet"


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
