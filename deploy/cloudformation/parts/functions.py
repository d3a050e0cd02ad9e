"""Functions that CloudFormation calls while it makes a stack: their code, their role, their log."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.awslambda import Code, Function, LoggingConfig
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from deploy.cloudformation.common import accepted, tags

FOLDER: Final = Path(__file__).parent.parent / "functions"
LONGEST: Final = 900  # seconds that a function may run
ASSUMED: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ACCEPTED: Final = (
    ("CKV_AWS_115", "CloudFormation calls it once at a time; a reserve would be taken from the account's other functions"),
    ("CKV_AWS_116", "CloudFormation itself waits for its answer, and fails without one; there is nothing to send again"),
    ("CKV_AWS_117", "It talks to AWS's own endpoints alone, and must work before and after the VPC exists"),
)


def function(title: str, name: str, file: str, may: Sequence[Mapping[str, Any]], **more: Any) -> Iterator[AWSObject]:
    """The function of a file of functions/, with a log group and a role that may do what `may` says.

    `more` (a Condition) holds for all three.
    """
    yield LogGroup(
        f"{title}Logs",
        LogGroupName=Sub(f"/${{Deployment}}/{name}"),
        RetentionInDays=Ref("LogDays"),
        KmsKeyId=Ref("LogsKeyArn"),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        **more,
    )
    writes = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": GetAtt(f"{title}Logs", "Arn"),
    }
    yield Role(
        f"{title}Role",
        AssumeRolePolicyDocument=ASSUMED,
        Policies=[Policy(PolicyName="grants", PolicyDocument={"Version": "2012-10-17", "Statement": [writes, *may]})],
        Tags=tags(name),
        **more,
    )
    yield Function(
        f"{title}Function",
        Description=(FOLDER / file).read_text().partition("\n")[0].strip('"'),
        Runtime="python3.15",
        Architectures=["arm64"],
        Handler="index.handler",
        Code=Code(ZipFile=(FOLDER / file).read_text()),
        Role=GetAtt(f"{title}Role", "Arn"),
        Timeout=LONGEST,
        MemorySize=256,
        LoggingConfig=LoggingConfig(LogGroup=Ref(f"{title}Logs")),
        Tags=tags(name),
        Metadata=accepted(*ACCEPTED[0], *ACCEPTED[1:]),
        **more,
    )
