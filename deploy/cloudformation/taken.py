"""The names that a deployment leaves taken when its stacks go, read in the templates."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.resolved import ACCOUNT, deployment

NAMED_BY: Final[Mapping[str, str]] = {  # type of resource: the property that is its name, where no other may have it
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::OpenSearchServerless::SecurityPolicy": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
}
MADE_AGAIN: Final = ("AWS::Logs::LogGroup",)  # goes with its stack, and is there again when something writes a last line


def taken(region: str, name: str) -> tuple[str, ...]:
    """The names of what stays of a deployment with this name, `{account}` in the place of the account's number."""
    return tuple(each.replace(ACCOUNT, "{account}") for each in _names(deployment(region, Deployment=name)))


def _names(templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for template in templates.values():
        for made in template["Resources"].values():
            stays = made.get("DeletionPolicy", "").startswith("Retain") or made["Type"] in MADE_AGAIN
            name = made["Properties"].get(NAMED_BY[made["Type"]]) if made["Type"] in NAMED_BY and stays else None
            if isinstance(name, str):  # else AWS chooses a part of it, and no other has it
                yield name
