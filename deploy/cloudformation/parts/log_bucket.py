"""The bucket of access logs: of files, load balancer, CloudFront and itself. What is there leaves after the days of logs.

Writing its own log makes a few small entries for each delivery, which are logged in turn: S3 gathers them, and charges no
delivery, so that they cost next to nothing.

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

from deploy.cloudformation.common import tags
from deploy.cloudformation.parts.bucket import KEPT, versions
from deploy.cloudformation.parts.destroyed import TELLS
from deploy.cloudformation.parts.queues import only_tls

BALANCER_LOGS: Final = "balancer"
FILES_LOGS: Final = "files/"
PORTAL_LOGS: Final = "portal/"
OWN_LOGS: Final = "logs/"

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
        LoggingConfiguration=LoggingConfiguration(LogFilePrefix=OWN_LOGS),  # who reads or deletes logs is written here, too
        **{**KEPT, "OwnershipControls": WRITERS_LIST, **TELLS},
    )
    arn = GetAtt("Logs", "Arn")
    refused = only_tls([arn, Join("", [arn, "/*"])], "s3:*")
    ours = {"Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}}
    writers = [
        {**_writer("FilesLog", "logging.s3.amazonaws.com", FILES_LOGS), **ours},
        {**_writer("OwnLog", "logging.s3.amazonaws.com", OWN_LOGS), **ours},
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
