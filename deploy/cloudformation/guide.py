"""The parts of docs/deploy.md that follow from the templates: each question, each output, and what stays after removal."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.pages import filled, table
from deploy.cloudformation.resolved import ROOT, file_of, read

ROOT_TEMPLATE: Final = read(ROOT)
KINDS: Final[Mapping[str, tuple[str, str]]] = {  # of what stays: in words, and how it is deleted by hand
    "AWS::ApiGateway::Account": ("the setting of API Gateway that names its role for logs", "leave it: other APIs use it"),
    "AWS::Backup::BackupVault": (
        "the vault of backups",
        "delete its recovery points, with `BackupLock` after their days; then the vault",
    ),
    "AWS::Cognito::UserPool": ("the pools of applications and administrators", "switch deletion protection off, then delete"),
    "AWS::Cognito::UserPoolUser": ("the first administrator", "goes with the pool"),
    "AWS::DynamoDB::Table": ("tables", "switch deletion protection off, then delete"),
    "AWS::ECR::Repository": ("the repository of images", "delete it with its images"),
    "AWS::IAM::Role": ("the role of API Gateway for logs", "leave it while any REST API of the region writes logs"),
    "AWS::KMS::Key": ("the keys of data and of logs", "last of all: schedule the deletion; what they encrypt is lost then"),
    "AWS::OpenSearchServerless::Collection": ("the collection of vectors", "delete; **all vectors are lost**"),
    "AWS::OpenSearchServerless::CollectionGroup": ("the group of the collection", "delete it after the collection"),
    "AWS::OpenSearchServerless::SecurityPolicy": ("its policies of encryption and network", "delete them after the collection"),
    "AWS::S3::Bucket": ("the buckets of files and of access logs", "empty them, all versions, then delete"),
    "AWS::SQS::Queue": ("queues and their dead letters", "delete; a name is free after a minute"),
    "AWS::SecretsManager::Secret": (
        "the secret of the keys that sign",
        "`aws secretsmanager delete-secret --force-delete-without-recovery --secret-id NAME` in CloudShell; "
        "the console waits for 7 to 30 days, and until then the name is taken",
    ),
}


def page() -> str:
    """The page, whose other parts are written by hand."""
    return filled("deploy.md", {"parameters": parameters(), "rules": rules(), "outputs": outputs(), "kept": kept()})


def parameters() -> str:
    """A table for each group of the console's page, in its order."""
    shown = ROOT_TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    return "\n\n".join(
        f"### {group['Label']['default']}\n\n"
        + table(
            ("question", "parameter", "default", "what it means"),
            [
                (shown["ParameterLabels"][name]["default"], f"`{name}`", *_asked(ROOT_TEMPLATE["Parameters"][name]))
                for name in group["Parameters"]
            ],
        )
        for group in shown["ParameterGroups"]
    )


def _asked(parameter: Mapping[str, Any]) -> tuple[str, str]:
    default = parameter.get("Default")
    said = "**needed**" if default is None else f"`{default}`" if default != "" else "empty"
    if "AllowedValues" in parameter:
        choices = f" One of {', '.join(f'`{each}`' for each in parameter['AllowedValues'])}."
    elif "MinValue" in parameter:
        highest = f"at most {parameter['MaxValue']:,}" if "MaxValue" in parameter else "no highest"
        choices = f" At least {parameter['MinValue']:,}, {highest}."
    else:
        hint = parameter.get("ConstraintDescription", "")
        choices = f" Must be {hint}." if hint and hint not in parameter["Description"] else ""
    return said, parameter["Description"] + choices


def rules() -> str:
    """Which answers do not go together: CloudFormation says so before it makes anything."""
    every = (each for rule in ROOT_TEMPLATE["Rules"].values() for each in rule["Assertions"])
    return "\n".join(f"- {each['AssertDescription']}" for each in every)


def outputs() -> str:
    """What the root tells."""
    rows = [(f"`{name}`", made["Description"]) for name, made in ROOT_TEMPLATE["Outputs"].items()]
    return table(("output", "what it is"), rows)


def kept() -> str:
    """What the deletion of the stacks leaves behind, by kind."""
    found: dict[str, list[str]] = defaultdict(list)
    for kind, name in _retained():
        found[kind].append(name)
    rows = [(KINDS[kind][0], str(len(found[kind])), kind.removeprefix("AWS::"), KINDS[kind][1]) for kind in sorted(found)]
    return table(("what stays", "how many", "kind", "how to delete it"), rows)


def _retained() -> Iterator[tuple[str, str]]:
    for nested in ROOT_TEMPLATE["Resources"].values():
        for name, made in read(file_of(nested["Properties"]))["Resources"].items():
            if made.get("DeletionPolicy", "").startswith("Retain"):
                yield made["Type"], name
