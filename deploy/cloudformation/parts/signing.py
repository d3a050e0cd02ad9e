"""The keys that sign cursors and sessions: made here, kept as a secret, and rotated by a function, which nobody notices."""

from collections.abc import Iterator
from typing import Final

from troposphere import AWSObject, GetAtt, Join, Ref, Sub
from troposphere.awslambda import Permission
from troposphere.secretsmanager import GenerateSecretString, RotationRules, RotationSchedule, Secret

from deploy.cloudformation.common import CLUSTER, KEPT, named, tags
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import functions

DAYS: Final = 60  # between two rotations; a key is known for as long before it signs, and for as long after
SERVICE: Final = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service"
CHANGES: Final = (
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)


def signing(platform: Platform) -> Iterator[AWSObject]:
    """The secret that is SECRET_KEY and SECRET_KEY_FALLBACKS, the function that rotates it, and when."""
    yield Secret(
        "SigningKeys",
        Name=Sub("${Deployment}-settings/signing-keys"),  # another path than those that the Secrets port writes to
        Description="The settings SECRET_KEY and SECRET_KEY_FALLBACKS: sign cursors and sessions.",
        GenerateSecretString=GenerateSecretString(
            SecretStringTemplate='{"SECRET_KEY_FALLBACKS": ""}',
            GenerateStringKey="SECRET_KEY",
            PasswordLength=64,
            ExcludePunctuation=True,
        ),
        KmsKeyId=Ref("DataKeyArn"),
        Tags=tags("signing-keys"),
        **KEPT,
    )
    yield from _rotation(platform)


def _rotation(platform: Platform) -> Iterator[AWSObject]:
    """The function, which may replace all containers, and when it is called."""
    running = [process.name for process in (*platform.services, *platform.workers)]
    may = (
        {"Effect": "Allow", "Action": CHANGES, "Resource": Ref("SigningKeys")},
        {
            "Effect": "Allow",
            "Action": ("ecs:UpdateService",),
            "Resource": [Sub(f"{SERVICE}/${{Deployment}}-{CLUSTER}/${{Deployment}}-{name}") for name in running],
        },
    )
    told = {"CLUSTER": named(CLUSTER), "SERVICES": Join(" ", [named(name) for name in running])}
    yield from functions.function("Rotation", "rotation", "rotation.py", may, topic=Ref("Destroyed"), told=told)
    yield Permission(
        "RotationCalled",
        Action="lambda:InvokeFunction",
        FunctionName=GetAtt("RotationFunction", "Arn"),
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=Ref("AWS::AccountId"),
        SourceArn=Ref("SigningKeys"),
    )
    yield RotationSchedule(
        "RotationDays",
        SecretId=Ref("SigningKeys"),
        RotationLambdaARN=GetAtt("RotationFunction", "Arn"),
        RotationRules=RotationRules(AutomaticallyAfterDays=DAYS),
        DependsOn=["RotationCalled"],
    )
