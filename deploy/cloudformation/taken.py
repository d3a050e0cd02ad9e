"""The names that a deployment leaves taken when its stacks go, read in the templates."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.resolved import ACCOUNT, deployment

NAMED_BY: Final[Mapping[str, str]] = {  # type of resource: the property that is its name, where no other may have it
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
}


def taken(region: str, name: str) -> tuple[str, ...]:
    """The names of what stays of a deployment with this name, `{account}` in the place of the account's number."""
    return tuple(each.replace(ACCOUNT, "{account}") for each in _names(deployment(region, Deployment=name)))


def _names(templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for template in templates.values():
        for made in template["Resources"].values():
            if made["Type"] in NAMED_BY and made.get("DeletionPolicy", "").startswith("Retain"):
                yield made["Properties"][NAMED_BY[made["Type"]]]
