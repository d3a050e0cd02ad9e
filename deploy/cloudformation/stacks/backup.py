"""Backup: a copy of every table and of the bucket each day, in a vault that can be locked."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, Equals, GetAtt, If, Not, Ref, Sub
from troposphere.backup import (
    BackupPlan,
    BackupPlanResourceType,
    BackupRuleResourceType,
    BackupSelection,
    BackupSelectionResourceType,
    BackupVault,
    LifecycleResourceType,
    LockConfigurationType,
)

from deploy.cloudformation.common import (
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    KEPT,
    PLATFORM_GROUP,
    group,
    named,
    taken,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.grants import DEPLOYMENT as NAME
from deploy.cloudformation.grants import TABLE
from deploy.cloudformation.house import Platform
from deploy.cloudformation.names import VAULT
from deploy.cloudformation.parts.own_id import own_id
from deploy.cloudformation.parts.role import role
from foundation.adapters.aws import names

FEWEST_DAYS, MOST_DAYS, COOLING_DAYS = 7, 3650, 3
DAYS: Final = Parameter(
    name="BackupDays",
    label="Days of backups",
    help="For how many days each day's backup is kept. Tables can also be restored to any second of the last 35 days.",
    type="Number",
    default=35,
    lowest=FEWEST_DAYS,
    highest=MOST_DAYS,
)
LOCK: Final = Parameter(
    name="BackupLock",
    label="Lock of backups",
    help="None: whoever may delete backups can. Governance: nobody can before their days are over, until somebody who may "
    "removes the lock. Compliance: after three days nobody can remove the lock any more, not even AWS; it cannot be undone.",
    default="None",
    allowed=("None", "Governance", "Compliance"),
)
FILES: Final = ("${FilesBucketArn}", "${FilesBucketArn}/*")
LENDS: Final[Mapping[str, Any]] = {
    "Effect": "Allow",
    "Action": ["kms:CreateGrant"],
    "Resource": [Ref("DataKeyArn")],
    "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
}
POINTS: Final = "arn:${AWS::Partition}:backup:${AWS::Region}:${AWS::AccountId}:recovery-point:*"
RULES: Final = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/AwsBackupManagedRule*"


def stack(platform: Platform) -> Stack:
    """The copies of a deployment's data."""
    return Stack(
        name="backup",
        title="Generative AI Foundation: a daily backup of tables and files.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group("Backup", DAYS, LOCK),
            group("Data", taken("data.FilesBucketArn", "ARN of the bucket of files")),
            group(ENCRYPTION_GROUP, DATA_KEY),
        ),
        conditions={
            "Locked": Not(Equals(Ref("BackupLock"), "None")),
            "Forever": Equals(Ref("BackupLock"), "Compliance"),
        },
        resources=tuple(_resources(platform)),
        outputs=(
            Output("BackupVaultName", Ref("Vault"), "The vault of all backups.", shown=True),
            own_id("backup"),
        ),
    )


def tables(platform: Platform) -> tuple[str, ...]:
    """The ARN of each table, with the deployment's name to fill in."""
    return tuple(TABLE.format(name=names.table_name(NAME, kind)) for kind in platform.records)


def _vault() -> BackupVault:
    return BackupVault(
        "Vault",
        BackupVaultName=named(VAULT),
        EncryptionKeyArn=Ref("DataKeyArn"),
        LockConfiguration=If(
            "Locked",
            LockConfigurationType(
                MinRetentionDays=FEWEST_DAYS,
                MaxRetentionDays=MOST_DAYS,
                ChangeableForDays=If("Forever", COOLING_DAYS, Ref("AWS::NoValue")),
            ),
            Ref("AWS::NoValue"),
        ),
        BackupVaultTags={"Name": named(VAULT), "Deployment": Ref("Deployment")},
        **KEPT,
    )


def _resources(platform: Platform) -> Iterator[AWSObject]:
    yield _vault()
    yield BackupPlan(
        "Plan",
        BackupPlan=BackupPlanResourceType(
            BackupPlanName=named("daily"),
            BackupPlanRule=[
                BackupRuleResourceType(
                    RuleName="daily",
                    TargetBackupVault=Ref("Vault"),
                    ScheduleExpression="cron(0 5 * * ? *)",
                    StartWindowMinutes=60,
                    CompletionWindowMinutes=1440,
                    Lifecycle=LifecycleResourceType(DeleteAfterDays=Ref("BackupDays")),
                    RecoveryPointTags={"Deployment": Ref("Deployment")},
                )
            ],
        ),
        BackupPlanTags={"Name": named("daily"), "Deployment": Ref("Deployment")},
    )
    yield BackupSelection(
        "Selection",
        BackupPlanId=Ref("Plan"),
        BackupSelection=BackupSelectionResourceType(
            SelectionName=named("all"),
            IamRoleArn=GetAtt("BackupRole", "Arn"),
            Resources=[*map(Sub, tables(platform)), Ref("FilesBucketArn")],
        ),
    )
    may = [*(_allowed(*each) for each in _may(platform)), LENDS]
    yield role("BackupRole", "backup", "backup", may)


def _may(platform: Platform) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What AWS Backup does with this role: service, verbs, resources. Restores are made with a role that is named then."""
    made = tables(platform)
    yield "dynamodb", ("CreateBackup", "DescribeTable", "ListTagsOfResource", "StartAwsBackupJob"), made
    yield "dynamodb", ("DeleteBackup", "DescribeBackup"), tuple(f"{each}/backup/*" for each in made)
    yield "backup", ("CopyIntoBackupVault", "DescribeBackupVault"), ("${Vault.BackupVaultArn}",)
    yield "backup", ("TagResource",), (POINTS,)  # without it no backup is made of what has tags
    yield (
        "s3",
        (
            "GetBucketAcl",
            "GetBucketLocation",
            "GetBucketNotification",
            "GetBucketTagging",
            "GetBucketVersioning",
            "GetInventoryConfiguration",
            "ListBucket",
            "ListBucketVersions",
            "PutBucketNotification",
            "PutInventoryConfiguration",
        ),
        FILES[:1],
    )
    yield (
        "s3",
        (
            "GetObject",
            "GetObjectAcl",
            "GetObjectTagging",
            "GetObjectVersion",
            "GetObjectVersionAcl",
            "GetObjectVersionTagging",
        ),
        FILES[1:],
    )
    yield "kms", ("Decrypt", "DescribeKey", "GenerateDataKey"), ("${DataKeyArn}",)
    targets = ("ListTargetsByRule", "PutTargets", "RemoveTargets")
    yield "events", ("DeleteRule", "DescribeRule", "DisableRule", "EnableRule", "PutRule", *targets), (RULES,)
    yield "events", ("ListRules",), ("*",)
    yield "cloudwatch", ("GetMetricData",), ("*",)
    yield "tag", ("GetResources",), ("*",)


def _allowed(service: str, verbs: tuple[str, ...], resources: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{verb}" for verb in verbs],
        "Resource": [Sub(each) if "$" in each else each for each in resources],
    }
