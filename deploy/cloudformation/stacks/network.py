"""Network: a VPC of two zones, ways out, private ways to AWS, and who may talk to whom."""

from collections.abc import Mapping
from typing import Final

from troposphere import AWSObject, Cidr, Equals, GetAtt, GetAZs, If, Join, Ref, Select
from troposphere.ec2 import (
    EIP,
    VPC,
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    Subnet,
    SubnetRouteTableAssociation,
    VPCGatewayAttachment,
)

from deploy.cloudformation.common import (
    COST_PROFILE,
    DEPLOYMENT,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    PRIVATE_ENDPOINTS,
    by_profile,
    group,
    tags,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.flow_logs import flow_logs
from deploy.cloudformation.parts.private_ways import endpoints
from deploy.cloudformation.parts.security_groups import GROUPS, security_groups

ZONES: Final = ("A", "B")
ZONE_IDS: Final[Mapping[str, tuple[str, str]]] = {  # a region's first zones may be ones in which API Gateway has no private way
    "us-east-1": ("use1-az4", "use1-az6"),
    "us-west-2": ("usw2-az1", "usw2-az2"),
}
CIDR: Final = Parameter(
    name="VpcCidr",
    label="Addresses",
    help="The private addresses of the VPC, a /16 to /22 that no network uses which it will be connected to.",
    default="10.20.0.0/16",
    pattern=r"[0-9]{1,3}(\.[0-9]{1,3}){3}/(1[6-9]|2[0-2])",
    hint="an IPv4 block from /16 to /22, for example 10.20.0.0/16",
)
NAT: Final = Parameter(
    name="NatGateways",
    label="NAT gateways",
    help="Containers reach Cognito, which has no private endpoint for pools with sign-in, and model providers outside AWS "
    "through them. ByProfile: one in Small, one in each zone in Production.",
    default="ByProfile",
    allowed=("ByProfile", "One", "PerZone"),
)
PRIVATE: Final = Parameter(
    name="PrivateEndpoints",
    label="Private endpoints",
    help="Whether AWS's services are reached by interface endpoints, which cost by the hour, and not by NAT. ByProfile: only "
    "in Production. Tables and files always have a gateway endpoint, which costs nothing.",
    default="ByProfile",
    allowed=("ByProfile", "Yes", "No"),
)


def stack(platform: Platform) -> Stack:
    """The network of a deployment."""
    return Stack(
        name="network",
        title="Generative AI Foundation: a network of two zones.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE),
            group(NETWORK_GROUP, CIDR, NAT, PRIVATE),
            group(OPERATION_GROUP, LOG_DAYS),
            group("Encryption", LOGS_KEY),
        ),
        conditions={
            **PRIVATE_ENDPOINTS,
            "East": Equals(Ref("AWS::Region"), "us-east-1"),
            "West": Equals(Ref("AWS::Region"), "us-west-2"),
            "NatPerZone": by_profile("NatGateways", "PerZone"),
        },
        resources=(
            *_ways_out(),
            *(each for place, zone in enumerate(ZONES) for each in _zone(zone, place)),
            *security_groups(),
            *endpoints(),
            *flow_logs(),
        ),
        outputs=(
            Output("VpcId", Ref("Vpc"), "The VPC."),
            Output("VpcCidrBlock", GetAtt("Vpc", "CidrBlock"), "The VPC's addresses."),
            Output("PublicSubnets", Join(",", [Ref(f"PublicSubnet{zone}") for zone in ZONES]), "The public subnets."),
            Output("PrivateSubnets", Join(",", [Ref(f"PrivateSubnet{zone}") for zone in ZONES]), "The private subnets."),
            *(Output(f"{name}GroupId", GetAtt(f"{name}Group", "GroupId"), meaning) for name, meaning in GROUPS.items()),
        ),
    )


def _ways_out() -> tuple[AWSObject, ...]:
    """The VPC, and how what is in its public subnets reaches the internet."""
    return (
        VPC("Vpc", CidrBlock=Ref("VpcCidr"), EnableDnsSupport=True, EnableDnsHostnames=True, Tags=tags("vpc")),
        InternetGateway("InternetGateway", Tags=tags("internet")),
        VPCGatewayAttachment("InternetAttachment", VpcId=Ref("Vpc"), InternetGatewayId=Ref("InternetGateway")),
        RouteTable("PublicRoutes", VpcId=Ref("Vpc"), Tags=tags("public")),
        Route(
            "PublicDefaultRoute",
            RouteTableId=Ref("PublicRoutes"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref("InternetGateway"),
            DependsOn="InternetAttachment",
        ),
    )


def _zone(zone: str, place: int) -> tuple[AWSObject, ...]:
    per_zone = {"Condition": "NatPerZone"} if place else {}
    shared = If("NatPerZone", Ref(f"NatGateway{zone}"), Ref("NatGatewayA")) if place else Ref("NatGatewayA")
    return (
        _subnet("Public", zone, place, place),
        SubnetRouteTableAssociation(
            f"PublicAssociation{zone}", SubnetId=Ref(f"PublicSubnet{zone}"), RouteTableId=Ref("PublicRoutes")
        ),
        _subnet("Private", zone, place, place + len(ZONES)),
        RouteTable(f"PrivateRoutes{zone}", VpcId=Ref("Vpc"), Tags=tags(f"private-{zone.lower()}")),
        SubnetRouteTableAssociation(
            f"PrivateAssociation{zone}", SubnetId=Ref(f"PrivateSubnet{zone}"), RouteTableId=Ref(f"PrivateRoutes{zone}")
        ),
        EIP(f"NatAddress{zone}", Domain="vpc", DependsOn="InternetAttachment", Tags=tags(f"nat-{zone.lower()}"), **per_zone),
        NatGateway(
            f"NatGateway{zone}",
            AllocationId=GetAtt(f"NatAddress{zone}", "AllocationId"),
            SubnetId=Ref(f"PublicSubnet{zone}"),
            Tags=tags(f"nat-{zone.lower()}"),
            **per_zone,
        ),
        Route(
            f"PrivateDefaultRoute{zone}",
            RouteTableId=Ref(f"PrivateRoutes{zone}"),
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=shared,
        ),
    )


def _subnet(kind: str, zone: str, place: int, block: int) -> Subnet:
    return Subnet(
        f"{kind}Subnet{zone}",
        VpcId=Ref("Vpc"),
        AvailabilityZoneId=If(
            "East", ZONE_IDS["us-east-1"][place], If("West", ZONE_IDS["us-west-2"][place], Ref("AWS::NoValue"))
        ),
        AvailabilityZone=If("East", Ref("AWS::NoValue"), If("West", Ref("AWS::NoValue"), Select(place, GetAZs()))),
        CidrBlock=Select(block, Cidr(GetAtt("Vpc", "CidrBlock"), 4, 8)),
        MapPublicIpOnLaunch=False,
        Tags=tags(f"{kind.lower()}-{zone.lower()}"),
    )
