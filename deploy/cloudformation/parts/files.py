"""The bucket of all files: private, encrypted, kept in versions, cleared as the folders of the manifests say."""

from collections.abc import Iterable, Iterator

from troposphere import AWSObject, GetAtt, Join, Ref, Sub
from troposphere.s3 import (
    Bucket,
    BucketEncryption,
    BucketPolicy,
    CorsConfiguration,
    CorsRules,
    LifecycleConfiguration,
    LifecycleRule,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
)

from deploy.cloudformation.common import tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.parts.bucket import KEPT, versions
from deploy.cloudformation.parts.destroyed import TELLS
from deploy.cloudformation.parts.log_bucket import into_logs
from deploy.cloudformation.parts.queues import only_tls
from foundation.manifest import Folder


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
        LifecycleConfiguration=LifecycleConfiguration(Rules=[versions(), *_days(folders)]),
        CorsConfiguration=CorsConfiguration(  # a presigned URL is the right; where the page comes from adds nothing to it
            CorsRules=[CorsRules(AllowedOrigins=["*"], AllowedMethods=["GET", "PUT"], AllowedHeaders=["*"], MaxAge=3600)]
        ),
        Tags=tags("files"),
        LoggingConfiguration=into_logs(),
        ObjectLockEnabled=True,  # nothing is locked by it; an operator can put a legal hold on a file
        **KEPT,
        **TELLS,
    )
    arn = GetAtt("Files", "Arn")
    yield BucketPolicy(
        "FilesPolicy",
        Bucket=Ref("Files"),
        PolicyDocument=only_tls([arn, Join("", [arn, "/*"])], "s3:*"),
    )


def _days(folders: Iterable[Folder]) -> Iterator[LifecycleRule]:
    for folder in folders:
        if folder.days:
            yield LifecycleRule(
                Id=logical(folder.name), Status="Enabled", Prefix=f"{folder.name}/", ExpirationInDays=folder.days
            )
