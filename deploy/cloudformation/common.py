"""Questions, conditions and small shapes that several stacks share."""

from collections.abc import Mapping
from typing import Any, Final

from troposphere import And, Condition, Equals, Not, Or, Ref, Sub, Tags
from troposphere.logs import LogGroup

from deploy.cloudformation.frame import Group, Parameter

DEPLOYMENT: Final = Parameter(
    name="Deployment",
    label="Name of the deployment",
    help="The first word of every resource's name; several deployments stand side by side in one account and region. "
    "3 to 20 lower-case letters, digits and single hyphens, a letter first; not `aws`, `amazon` or `cognito` in it, nor "
    "`internal-` before it, which AWS refuses. It cannot be changed later.",
    default="foundation",
    pattern="(?!internal-|.*(aws|amazon|cognito|--))[a-z][a-z0-9-]{1,18}[a-z0-9]",
    hint="3 to 20 lower-case letters, digits and single hyphens, a letter first, and none of the words above",
)
COST_PROFILE: Final = Parameter(
    name="CostProfile",
    label="Cost profile",
    help="Small: one NAT gateway, smallest containers, workers that rest while their queue is empty. "
    "Production: every part twice in two zones, private endpoints, room to grow. docs/cost.md has what each costs idle.",
    default="Small",
    allowed=("Small", "Production"),
)
ARCHITECTURE: Final = Parameter(
    name="Architecture",
    label="Processors",
    help="What containers run on, and the image is built for. ARM64 costs a fifth less.",
    default="X86_64",
    allowed=("X86_64", "ARM64"),
)
ENGINE: Final = Parameter(
    name="ExtractionEngine",
    label="What reads documents",
    help="Textract: Amazon Textract, paid by the page. Local: the engine in the worker itself, which no page leaves, and whose "
    "packages are then in the image; an image that exists needs them, too. It reads more slowly in small workers.",
    default="Textract",
    allowed=("Textract", "Local"),
)
LOG_DAYS: Final = Parameter(
    name="LogDays",
    label="Days of logs",
    help="For how many days logs are kept.",
    type="Number",
    default="365",
    allowed=("7", "14", "30", "60", "90", "180", "365", "731"),
)
RELEASE_BUCKET: Final = Parameter(
    name="TemplatesBucket",
    label="Bucket of the release",
    help="The S3 bucket, in this region, that has the release: the files of deploy/cloudformation/templates, and its archive.",
    pattern="[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    hint="the name of an S3 bucket",
)
DATA_KEY: Final = Parameter(
    name="DataKeyArn",
    label="Key of data",
    help="ARN of the KMS key that encrypts what is stored; output DataKeyArn of the stack `keys`.",
    source="keys.DataKeyArn",
)
LOGS_KEY: Final = Parameter(
    name="LogsKeyArn",
    label="Key of logs",
    help="ARN of the KMS key that encrypts logs; output LogsKeyArn of the stack `keys`.",
    source="keys.LogsKeyArn",
)
VPC: Final = Parameter(
    name="VpcId",
    label="VPC",
    help="The network; output VpcId of the stack `network`.",
    type="AWS::EC2::VPC::Id",
    source="network.VpcId",
)
PRIVATE_SUBNETS: Final = Parameter(
    name="PrivateSubnets",
    label="Private subnets",
    help="Two subnets in two zones; output PrivateSubnets of the stack `network`.",
    type="List<AWS::EC2::Subnet::Id>",
    source="network.PrivateSubnets",
)

BALANCER_ARN: Final = Parameter(
    name="BalancerArn",
    label="Load balancer",
    help="ARN of the internal load balancer; output BalancerArn of the stack `balancer`.",
    source="balancer.BalancerArn",
)
BALANCER_HOST: Final = Parameter(
    name="BalancerHost",
    label="Name of the load balancer",
    help="By which it is called inside the VPC; output BalancerHost of the stack `balancer`.",
    source="balancer.BalancerHost",
)
BALANCER_SCHEME: Final = Parameter(
    name="BalancerScheme",
    label="How the load balancer is spoken to",
    help="https where it has a certificate, else http inside the VPC; output BalancerScheme of the stack `balancer`.",
    default="http",
    allowed=("http", "https"),
    source="balancer.BalancerScheme",
)

IMAGE_URI: Final = "[0-9]{12}[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com/[a-z0-9._/-]+[:@][A-Za-z0-9._:-]+"
IMAGE_HINT: Final = "the URI of an image in ECR"
PLATFORM_GROUP: Final = "Platform"
NETWORK_GROUP: Final = "Network"
ENCRYPTION_GROUP: Final = "Encryption"
OPERATION_GROUP: Final = "Operation"
RELEASE_GROUP: Final = "Release"
ADMINISTRATORS_GROUP: Final = "Administrators"

LOCAL_ENGINE: Final[Mapping[str, Any]] = {"LocalEngine": Equals(Ref("ExtractionEngine"), "Local")}
PRODUCTION: Final[Mapping[str, Any]] = {"Production": Equals(Ref("CostProfile"), "Production")}

# What a stack's end leaves behind, as it holds data. What a stack's very first creation made goes with it if that fails,
KEPT: Final[Mapping[str, str]] = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
# but for what has a protection of its own: AWS refuses to delete it, and the way back would stop there.
PROTECTED: Final[Mapping[str, str]] = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
GONE: Final[Mapping[str, str]] = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}


def by_profile(question: str, answer: str) -> Or:
    """A condition: the question has this answer, or leaves it to the cost profile, which is Production."""
    return Or(Equals(Ref(question), answer), And(Equals(Ref(question), "ByProfile"), Condition("Production")))


CLUSTER: Final = "cluster"
PRIVATE_ENDPOINTS: Final[Mapping[str, Any]] = {**PRODUCTION, "Private": by_profile("PrivateEndpoints", "Yes")}


def group(title: str, *parameters: Parameter) -> Group:
    """A group of questions; groups of several stacks with one title are one in the root."""
    return Group(title, parameters)


def taken(source: str, label: str, kind: str = "String") -> Parameter:
    """A question that another stack's output answers, under the output's name."""
    stack_name, _, output = source.partition(".")
    return Parameter(name=output, label=label, help=f"Output {output} of the stack `{stack_name}`.", type=kind, source=source)


def named(name: str) -> Sub:
    """A resource's name: the deployment's, a hyphen, its own."""
    return Sub(f"${{Deployment}}-{name}")


def named_worldwide(name: str) -> Sub:
    """The name of what is of an account and not of a region: deployments of one name in two regions have different ones."""
    return Sub(f"${{Deployment}}-${{AWS::Region}}-{name}")


def log_group(title: str, name: str, *, key: Any = None, **more: Any) -> LogGroup:
    """A log group of this name, which may have `${…}` in it: encrypted, kept for the days of logs, gone with its stack.

    key: the KMS key, where it is not the deployment's key of logs.
    """
    return LogGroup(
        title, LogGroupName=Sub(name), RetentionInDays=Ref("LogDays"), KmsKeyId=key or Ref("LogsKeyArn"), **GONE, **more
    )


def tags(name: str) -> Tags:
    """What the console and the bill show of a resource."""
    return Tags(Name=named(name), Deployment=Ref("Deployment"))


def accepted(check: str, reason: str, *others: tuple[str, str]) -> dict[str, Any]:
    """Metadata of a resource on which rules of checkov do not hold, each with the reason."""
    return {"checkov": {"skip": [{"id": name, "comment": why} for name, why in ((check, reason), *others)]}}


def unlinted(*checks: str) -> dict[str, Any]:
    """Metadata of a resource in which cfn-lint takes something for an error that is none; why stands beside its use."""
    return {"cfn-lint": {"config": {"ignore_checks": list(checks)}}}


def together(first: str, second: str, why: str) -> Mapping[str, Any]:
    """A rule of a template: two questions are both answered or both left empty; `why` is said where they are not."""
    both = Or(
        And(*(Equals(Ref(name), "") for name in (first, second))), And(*(Not(Equals(Ref(n), "")) for n in (first, second)))
    )
    return {"Assertions": [{"Assert": both, "AssertDescription": why}]}
