"""The bucket of access logs: of files, load balancer and CloudFront. What is there leaves after the days of logs.

S3 writes access logs to no bucket that has Object Lock: docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
"""

from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, GetAtt, Join, Ref, Sub
from troposphere.s3 import (
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    LoggingConfiguration,
    OwnershipControls,
    OwnershipControlsRule,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
)

from deploy.cloudformation.common import accepted, tags
from deploy.cloudformation.parts.bucket import KEPT, versions
from deploy.cloudformation.parts.destroyed import TELLS
from deploy.cloudformation.parts.queues import only_tls

BALANCER_LOGS: Final = "balancer"
FILES_LOGS: Final = "files/"
PORTAL_LOGS: Final = "portal/"

WRITERS_LIST: Final = OwnershipControls(  # CloudFront's deliveries need an access list; all else belongs to the bucket's owner
    Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerPreferred")]
)


def into_logs() -> LoggingConfiguration:
    """How the bucket of files writes its access log here."""
    return LoggingConfiguration(DestinationBucketName=Ref("Logs"), LogFilePrefix=FILES_LOGS)


def log_bucket() -> Iterator[AWSObject]:
    """The bucket, and who may write to it."""
    yield Bucket(
        "Logs",
        BucketName=Sub("${Deployment}-logs-${AWS::AccountId}-${AWS::Region}"),
        BucketEncryption=BucketEncryption(  # neither S3 nor the load balancer writes its logs with a key of ours
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(SSEAlgorithm="AES256"))
            ]
        ),
        LifecycleConfiguration=LifecycleConfiguration(
            Rules=[versions(), LifecycleRule(Id="Days", Status="Enabled", ExpirationInDays=Ref("LogDays"))]
        ),
        Tags=tags("logs"),
        Metadata=accepted("CKV_AWS_18", "A log of the bucket of logs would write to itself without end"),
        **{**KEPT, "OwnershipControls": WRITERS_LIST, **TELLS},
    )
    arn = GetAtt("Logs", "Arn")
    refused = only_tls([arn, Join("", [arn, "/*"])], "s3:*")
    ours = {"Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}}
    writers = [
        {**_writer("FilesLog", "logging.s3.amazonaws.com", FILES_LOGS), **ours},
        _writer(  # it tells no account; where it writes has the account in its name
            "BalancerLog", "logdelivery.elasticloadbalancing.amazonaws.com", f"{BALANCER_LOGS}/AWSLogs/${{AWS::AccountId}}/"
        ),
    ]
    yield BucketPolicy(
        "LogsPolicy",
        Bucket=Ref("Logs"),
        PolicyDocument={**refused, "Statement": [*refused["Statement"], *writers]},
    )


def _writer(name: str, service: str, prefix: str) -> dict[str, Any]:
    return {
        "Sid": name,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": Sub(f"${{Logs.Arn}}/{prefix}*"),
    }
