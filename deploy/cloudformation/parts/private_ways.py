"""Private ways from the VPC to AWS's services, of which gateway endpoints cost nothing and interface endpoints by the hour."""

from collections.abc import Iterator, Mapping
from typing import Final

from troposphere import Ref, Sub
from troposphere.ec2 import VPCEndpoint

from deploy.cloudformation.common import tags
from deploy.cloudformation.frame import logical

GATEWAYS: Final = ("dynamodb", "s3")
INTERFACES: Final[Mapping[str, str]] = {  # not Cognito: a pool that has a domain answers nothing that comes by an endpoint
    "bedrock": "the list of models",
    "bedrock-runtime": "model calls",
    "ecr.api": "images of containers",
    "ecr.dkr": "images of containers",
    "logs": "logs",
    "secretsmanager": "secrets of settings and of applications",
    "sqs": "messages",
    "textract": "documents",
}


def endpoints() -> Iterator[VPCEndpoint]:
    """A gateway endpoint of each that has one; an interface endpoint for everything else that is used, where wanted."""
    for service in GATEWAYS:
        yield VPCEndpoint(
            logical("endpoint", service),
            VpcId=Ref("Vpc"),
            ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            VpcEndpointType="Gateway",
            RouteTableIds=[Ref("PrivateRoutesA"), Ref("PrivateRoutesB")],
            Tags=tags(service),
        )
    for service in INTERFACES:
        yield VPCEndpoint(
            logical("endpoint", service),
            VpcId=Ref("Vpc"),
            ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            VpcEndpointType="Interface",
            PrivateDnsEnabled=True,
            SubnetIds=[Ref("PrivateSubnetA"), Ref("PrivateSubnetB")],
            SecurityGroupIds=[Ref("EndpointsGroup")],
            Tags=tags(service.replace(".", "-")),
            Condition="Private",
        )
