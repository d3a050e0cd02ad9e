"""Who may talk to whom inside the VPC: one security group for each kind of thing, and a table of the ways between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from troposphere import AWSObject, GetAtt, Ref
from troposphere.ec2 import SecurityGroup, SecurityGroupEgress, SecurityGroupIngress

from deploy.cloudformation.common import tags
from deploy.cloudformation.frame import logical

GROUPS: Final[Mapping[str, str]] = {
    "Balancer": "Security group of the load balancer.",
    "Containers": "Security group of all containers.",
    "Functions": "Security group of the functions that make stacks.",
    "Endpoints": "Security group of private endpoints.",
    "Cache": "Security group of the cache.",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A port that one group, or the VPC, or anywhere, reaches at another; `why` stands in the rule."""

    source: str
    target: str
    port: int
    why: str


WAYS: Final = (
    Way("Vpc", "Balancer", 80, "CloudFront's and API Gateway's private ways in"),
    Way("Vpc", "Balancer", 443, "CloudFront's and API Gateway's private ways in, where there is a certificate"),
    Way("Balancer", "Containers", 8000, "Requests to services"),
    Way("Containers", "Cache", 6379, "Counters and limits"),
    Way("Containers", "Cache", 6380, "Counters and limits, from the reader"),
    Way("Containers", "Endpoints", 443, "AWS by private endpoints"),
    Way("Containers", "Anywhere", 443, "AWS without private endpoints, sign-in, model providers"),
    Way("Functions", "Endpoints", 443, "AWS by private endpoints"),
    Way("Functions", "Anywhere", 443, "AWS without private endpoints, and CloudFormation, which waits for an answer"),
)
ANYWHERE: Final[Mapping[str, Mapping[str, Any]]] = {
    "Vpc": {"CidrIp": Ref("VpcCidr")},
    "Anywhere": {"CidrIp": "0.0.0.0/0"},
}


def security_groups() -> Iterator[AWSObject]:
    """The groups, and both ends of each way. Without its own way out, a group may go anywhere: so each has one."""
    for name, meaning in GROUPS.items():
        yield SecurityGroup(
            f"{name}Group",
            GroupDescription=meaning,
            VpcId=Ref("Vpc"),
            SecurityGroupEgress=[{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nowhere but by its ways"}],
            Tags=tags(name.lower()),
        )
    for way in WAYS:
        rule = {"IpProtocol": "tcp", "FromPort": way.port, "ToPort": way.port, "Description": way.why}
        title = logical(way.source, "to", way.target, str(way.port))
        if way.target in GROUPS:
            source = ANYWHERE.get(way.source) or {"SourceSecurityGroupId": GetAtt(f"{way.source}Group", "GroupId")}
            yield SecurityGroupIngress(f"{title}In", GroupId=GetAtt(f"{way.target}Group", "GroupId"), **source, **rule)
        if way.source in GROUPS:
            target = ANYWHERE.get(way.target) or {"DestinationSecurityGroupId": GetAtt(f"{way.target}Group", "GroupId")}
            yield SecurityGroupEgress(f"{title}Out", GroupId=GetAtt(f"{way.source}Group", "GroupId"), **target, **rule)
