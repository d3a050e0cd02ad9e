"""Functions that CloudFormation calls while it makes a stack, and Secrets Manager when a secret is due: code, role, log.

They run inside the VPC and reach AWS by its ways out. What one of them could not answer at all is told to the administrator.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from troposphere import AWSObject, GetAtt, If, Ref, Sub
from troposphere.awslambda import Code, DeadLetterConfig, Environment, Function, LoggingConfig, VPCConfig

from deploy.cloudformation.common import PRIVATE_SUBNETS, PRODUCTION, log_group, tags, taken
from deploy.cloudformation.parts.role import ANY, role

FOLDER: Final = Path(__file__).parent.parent / "functions"
LONGEST: Final = 900  # seconds that a function may run
PATIENCE: Final = LONGEST + 300  # seconds for which an answer is awaited: who was not called for weeks has to wake first
GROUP: Final = taken("network.FunctionsGroupId", "Security group of functions", "AWS::EC2::SecurityGroup::Id")
TOPIC: Final = taken("data.AdministratorTopicArn", "Topic of the administrator")
NETWORK: Final = (PRIVATE_SUBNETS, GROUP)  # what a stack with a function asks for, besides the topic and the cost profile
CONDITIONS: Final = PRODUCTION
INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
)
SEES: Final = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")  # neither has a narrower resource
STANDS: Final[tuple[Mapping[str, Any], ...]] = (  # how Lambda puts a function into the VPC; its own code may do none of it
    {
        "Effect": "Allow",
        "Action": INTERFACES,
        "Resource": Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"),
    },
    {"Effect": "Allow", "Action": SEES, "Resource": "*"},
    {
        "Effect": "Deny",
        "Action": (*INTERFACES, *SEES),
        "Resource": "*",
        "Condition": {
            "ArnLike": {
                "lambda:SourceFunctionArn": Sub("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*")
            }
        },
    },
)
LOGS: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
ENCRYPTS: Final = {"Effect": "Allow", "Action": ("kms:Decrypt", "kms:GenerateDataKey"), "Resource": Ref("DataKeyArn")}


def function(
    title: str,
    name: str,
    file: str,
    may: Sequence[Mapping[str, Any]],
    *,
    topic: Ref = Ref(TOPIC.name),  # noqa: B008 (a value that nothing changes)
    told: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[AWSObject]:
    """The function of a file of functions/, with a log group and a role that may do what `may` says.

    topic: that of the administrator. told: its environment. `more` (a Condition) holds for all three.
    """
    yield log_group(f"{title}Logs", f"/${{Deployment}}/{name}", **more)
    writes = {"Effect": "Allow", "Action": LOGS, "Resource": GetAtt(f"{title}Logs", "Arn")}
    tells = {"Effect": "Allow", "Action": ("sns:Publish",), "Resource": topic}
    knows = {"Environment": Environment(Variables=dict(told)), "KmsKeyArn": Ref("DataKeyArn")} if told else {}
    yield role(f"{title}Role", name, "lambda", [writes, *may, *STANDS, tells, ENCRYPTS], when=ANY, **more)
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
        # A reserve is taken from what all functions of the account may run at once, of which a new account has ten.
        ReservedConcurrentExecutions=If("Production", 1, Ref("AWS::NoValue")),
        VpcConfig=VPCConfig(SubnetIds=Ref(PRIVATE_SUBNETS.name), SecurityGroupIds=[Ref(GROUP.name)]),
        DeadLetterConfig=DeadLetterConfig(TargetArn=topic),
        LoggingConfig=LoggingConfig(LogGroup=Ref(f"{title}Logs")),
        Tags=tags(name),
        **knows,
        **more,
    )
