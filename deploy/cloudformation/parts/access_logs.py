"""A bucket that only AWS's own log deliveries write to."""

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Join, Ref, Sub
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from deploy.cloudformation.common import accepted, tags
from deploy.cloudformation.parts.queues import only_tls


def log_bucket(title: str, name: str) -> Iterator[AWSObject]:
    """The bucket, whose objects leave after LogDays, and its policy. CloudFront's deliveries need access lists on it."""
    yield Bucket(
        title,
        BucketName=Sub(f"${{Deployment}}-{name}-${{AWS::AccountId}}-${{AWS::Region}}"),
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    BucketKeyEnabled=True,
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=Ref("LogsKeyArn")
                    ),
                )
            ]
        ),
        PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=OwnershipControls(Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerPreferred")]),
        VersioningConfiguration=VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=LifecycleConfiguration(
            Rules=[
                LifecycleRule(
                    Id="days",
                    Status="Enabled",
                    ExpirationInDays=Ref("LogDays"),
                    NoncurrentVersionExpirationInDays=1,
                    AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
                )
            ]
        ),
        Tags=tags(name),
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=accepted("CKV_AWS_18", "It holds access logs; a log of who reads them is CloudTrail's"),
    )
    arn = GetAtt(title, "Arn")
    yield BucketPolicy(f"{title}Policy", Bucket=Ref(title), PolicyDocument=only_tls([arn, Join("", [arn, "/*"])], "s3:*"))
