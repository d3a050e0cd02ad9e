"""What every bucket has: it is private, keeps versions, and stays when its stack goes."""

from collections.abc import Mapping
from typing import Any, Final

from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    LifecycleRule,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    VersioningConfiguration,
)

from deploy.cloudformation import common

KEPT_DAYS: Final = 30  # for which a version that was overwritten or deleted can be had back
KEPT: Final[Mapping[str, Any]] = {
    "PublicAccessBlockConfiguration": PublicAccessBlockConfiguration(
        BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
    ),
    "OwnershipControls": OwnershipControls(Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
    "VersioningConfiguration": VersioningConfiguration(Status="Enabled"),
    **common.KEPT,
}


def versions() -> LifecycleRule:
    """When former versions and halves of uploads leave."""
    return LifecycleRule(
        Id="versions",
        Status="Enabled",
        NoncurrentVersionExpiration=NoncurrentVersionExpiration(NoncurrentDays=KEPT_DAYS),
        ExpiredObjectDeleteMarker=True,
        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
    )
