"""Which firewall stands before CloudFront: one that is given, one that this stack makes, or one that it makes in us-east-1.

CloudFront takes web ACLs of us-east-1 alone. A deployment in another region makes its own there by a function, in the same
step, so that an operator answers no question about it and changes no region. The stack there is `front-waf`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import And, AWSObject, Condition, Equals, GetAtt, If, Not, Ref, Sub
from troposphere.cloudformation import CustomResource

from deploy.cloudformation.common import unlinted
from deploy.cloudformation.frame import Parameter
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.firewall import RATE, firewall
from deploy.cloudformation.parts.functions import PATIENCE, function
from deploy.cloudformation.stacks import front_waf

HOME: Final = "us-east-1"
GIVEN: Final = Parameter(
    name="FrontFirewallArn",
    label="Firewall before CloudFront",
    help="ARN of a web ACL of us-east-1 that the company already has, for CloudFront. Empty: one is made, in us-east-1, "
    "wherever this deployment is.",
    default="",
    pattern="(arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/[A-Za-z0-9_-]+/[a-z0-9-]+)?",
    hint="the ARN of a global web ACL, or nothing",
)
CONDITIONS: Final[Mapping[str, Any]] = {
    "Own": Equals(Ref(GIVEN.name), ""),
    "Here": And(Condition("Own"), Equals(Ref("AWS::Region"), HOME)),
    "Elsewhere": And(Condition("Own"), Not(Equals(Ref("AWS::Region"), HOME))),
}
ARN: Final = If("Here", GetAtt("Firewall", "Arn"), If("Elsewhere", GetAtt("FirewallThere", "FirewallArn"), Ref(GIVEN.name)))


def _there(service: str, resource: str) -> str:
    return f"arn:${{AWS::Partition}}:{service}:{HOME}:${{AWS::AccountId}}:{resource}"


STACK: Final = "${Deployment}-${AWS::Region}-front-waf"
ACL: Final = _there("wafv2", "global/webacl/${Deployment}-${AWS::Region}-front/*")
LOGS: Final = _there("logs", "log-group:aws-waf-logs-${Deployment}-${AWS::Region}-front")
KEYS: Final = _there("kms", "key/*")
OWN: Final[Mapping[str, Any]] = {"StringEquals": {"aws:ResourceTag/Deployment": Ref("Deployment")}}
MAY: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (  # of a service, these verbs, on these resources
    ("cloudformation", "CreateStack DeleteStack DescribeStacks UpdateStack", (_there("cloudformation", f"stack/{STACK}/*"),)),
    (
        "wafv2",
        "CreateWebACL DeleteLoggingConfiguration DeleteWebACL GetLoggingConfiguration GetWebACL ListTagsForResource "
        "PutLoggingConfiguration TagResource UntagResource UpdateWebACL",
        (ACL, _there("wafv2", "global/managedruleset/*")),
    ),
    (
        "logs",
        "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DescribeIndexPolicies DisassociateKmsKey "
        "GetDataProtectionPolicy ListTagsForResource PutRetentionPolicy TagResource UntagResource",
        (LOGS, f"{LOGS}:*"),
    ),
    (  # how WAF is allowed to write to a log group; none of these has a narrower resource
        "logs",
        "CreateLogDelivery DeleteLogDelivery DescribeLogGroups DescribeResourcePolicies PutResourcePolicy",
        ("*",),
    ),
    ("kms", "CreateKey", ("*",)),  # it has no narrower resource
    ("kms", "DescribeKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags TagResource", (KEYS,)),
)
CHANGES: Final = "PutKeyPolicy ScheduleKeyDeletion UntagResource UpdateKeyDescription"  # of keys of this deployment alone


def front_firewall(platform: Platform) -> Iterator[AWSObject]:
    """The firewall of this stack, and what makes the one elsewhere; at most one of both is made."""
    yield from firewall("Firewall", "front", "CLOUDFRONT", place="${AWS::Region}-", Condition="Here")
    may = [*(_allowed(*each) for each in MAY), {**_allowed("kms", CHANGES, (KEYS,)), "Condition": OWN}]
    yield from function("Elsewhere", "front-waf", "elsewhere.py", may, Condition="Elsewhere")
    yield CustomResource(
        "FirewallThere",
        ServiceToken=GetAtt("ElsewhereFunction", "Arn"),
        ServiceTimeout=PATIENCE,
        Region=HOME,
        StackName=Sub(STACK),
        Template=json.dumps(json.loads(front_waf.stack(platform).template()), sort_keys=True, separators=(",", ":")),
        Parameters={
            "Deployment": Ref("Deployment"),
            front_waf.REGION.name: Ref("AWS::Region"),
            "LogDays": Ref("LogDays"),
            RATE.name: Ref(RATE.name),
        },
        Metadata=unlinted("E1029"),  # what is to be filled in there is filled in by the stack there
        Condition="Elsewhere",
    )


def _allowed(service: str, verbs: str, resources: tuple[str, ...]) -> dict[str, Any]:
    actions = [f"{service}:{verb}" for verb in verbs.split()]
    return {"Effect": "Allow", "Action": actions, "Resource": [Sub(each) if "$" in each else each for each in resources]}
