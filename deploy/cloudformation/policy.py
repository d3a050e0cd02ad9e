"""The stack policy: an update that would replace or delete what holds data is refused before it begins."""

from collections.abc import Mapping
from typing import Any, Final

HOLDS_DATA: Final = (
    "AWS::Backup::BackupVault",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolDomain",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::KMS::Key",
    "AWS::OpenSearchServerless::Collection",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
)
NESTS: Final = "AWS::CloudFormation::Stack"


def stack_policy() -> Mapping[str, Any]:
    """One document for the root and for each nested stack: a stack's policy does not reach the stacks inside it.

    The stack `guard` puts it on every nested stack that holds data; an operator gives it to the root.
    """
    return {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["Update:Replace", "Update:Delete"],
                "Resource": "*",
                "Condition": {"StringEquals": {"ResourceType": [*HOLDS_DATA, NESTS]}},
            },
        ]
    }
