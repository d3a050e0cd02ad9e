"""The bucket of all files: private, encrypted, kept in versions, cleared as the folders of the manifests say."""

from collections.abc import Iterable, Iterator

from troposphere import AWSObject, GetAtt, Join, Ref, Sub
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    CorsConfiguration,
    CorsRules,
    LifecycleConfiguration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from deploy.cloudformation.common import accepted, tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.parts.queues import only_tls
from foundation.manifest import Folder

KEPT_DAYS = 30  # for which a version that was overwritten or deleted can be had back


def bucket(folders: Iterable[Folder]) -> Iterator[AWSObject]:
    """The bucket and its policy."""
    yield Bucket(
        "Files",
        BucketName=Sub("${Deployment}-files-${AWS::AccountId}-${AWS::Region}"),
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    BucketKeyEnabled=True,
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=Ref("DataKeyArn")
                    ),
                )
            ]
        ),
        PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=OwnershipControls(Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        VersioningConfiguration=VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=LifecycleConfiguration(Rules=[_versions(), *_days(folders)]),
        CorsConfiguration=CorsConfiguration(  # a presigned URL is the right; where the page comes from adds nothing to it
            CorsRules=[CorsRules(AllowedOrigins=["*"], AllowedMethods=["GET", "PUT"], AllowedHeaders=["*"], MaxAge=3600)]
        ),
        Tags=tags("files"),
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=accepted(
            "CKV_AWS_18", "CloudTrail's data events tell who read what; an access log would hold file names twice"
        ),
    )
    arn = GetAtt("Files", "Arn")
    yield BucketPolicy(
        "FilesPolicy",
        Bucket=Ref("Files"),
        PolicyDocument=only_tls([arn, Join("", [arn, "/*"])], "s3:*"),
    )


def _versions() -> LifecycleRule:
    return LifecycleRule(
        Id="versions",
        Status="Enabled",
        NoncurrentVersionExpiration=NoncurrentVersionExpiration(NoncurrentDays=KEPT_DAYS),
        ExpiredObjectDeleteMarker=True,
        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
    )


def _days(folders: Iterable[Folder]) -> Iterator[LifecycleRule]:
    for folder in folders:
        if folder.days:
            yield LifecycleRule(
                Id=logical(folder.name), Status="Enabled", Prefix=f"{folder.name}/", ExpirationInDays=folder.days
            )
