"""What each process is told: a file in the bucket of files, written by a function, and named by the task that is told so."""

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.cloudformation import CustomResource

from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.parts.containers import SETTINGS, TOLD
from deploy.cloudformation.parts.functions import PATIENCE, function


def told(platform: Platform) -> Iterator[AWSObject]:
    """The function, and the files of all processes."""
    may = {"Effect": "Allow", "Action": ("s3:PutObject",), "Resource": Sub(f"${{FilesBucketArn}}/{TOLD}/*")}
    yield from function("Settings", "settings", "settings.py", [may])
    yield CustomResource(
        "Told",
        ServiceToken=GetAtt("SettingsFunction", "Arn"),
        ServiceTimeout=PATIENCE,
        Bucket=Ref("FilesBucket"),
        Folder=TOLD,
        All=dict(SETTINGS),
        Each={process.name: {"SERVE": serves(process)} for process in platform.processes},
    )


def serves(process: Process) -> str:
    """What a process serves."""
    return process.capability.name.rpartition(".")[2] if process.capability else "all"
