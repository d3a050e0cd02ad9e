"""The collection of vectors in OpenSearch Serverless, after the policies without which it cannot be made; they stay with it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from troposphere import AWSObject, If, Ref, Sub
from troposphere.opensearchserverless import CapacityLimits, Collection, CollectionGroup, SecurityPolicy, VpcEndpoint

from deploy.cloudformation.common import KEPT, named, tags

COLLECTION = "${Deployment}-vectors"


def collection() -> Iterator[AWSObject]:
    """Encryption, network, the group that scales to nothing, the collection. Who may read it stands with the roles."""
    yield from _policies()
    yield _group()
    yield Collection(
        "Vectors",
        Name=named("vectors"),
        Type="VECTORSEARCH",
        Description="Vectors of all applications",
        CollectionGroupName=named("vectors"),
        StandbyReplicas="ENABLED",
        Tags=tags("vectors"),
        DependsOn=["VectorsEncryption", "VectorsNetwork", "VectorsGroup"],
        **KEPT,
    )


def _policies() -> Iterator[AWSObject]:
    yield SecurityPolicy(
        "VectorsEncryption",
        Name=named("vectors"),
        Type="encryption",
        Policy=_said({"Rules": [_rule("collection")], "AWSOwnedKey": False, "KmsARN": "${DataKeyArn}"}),
        **KEPT,
    )
    yield VpcEndpoint(
        "VectorsEndpoint",
        Name=named("vectors"),
        VpcId=Ref("VpcId"),
        SubnetIds=Ref("PrivateSubnets"),
        SecurityGroupIds=[Ref("EndpointsGroupId")],
        Condition="Private",
    )
    yield SecurityPolicy(
        "VectorsNetwork",
        Name=named("vectors"),
        Type="network",
        Policy=If(
            "Private",
            _said([{"Rules": [_rule("collection")], "AllowFromPublic": False, "SourceVPCEs": ["${VectorsEndpoint}"]}]),
            _said([{"Rules": [_rule("collection")], "AllowFromPublic": True}]),  # signed requests of our roles alone
        ),
        **KEPT,
    )


def _group() -> CollectionGroup:
    return CollectionGroup(
        "VectorsGroup",
        Name=named("vectors"),
        Description="Vectors of all applications",
        Generation="NEXTGEN",
        StandbyReplicas="ENABLED",
        CapacityLimits=CapacityLimits(  # at 0 nothing is paid after 10 idle minutes, and the next request waits up to 30 s
            MinIndexingCapacityInOcu=0,
            MaxIndexingCapacityInOcu=If("Production", 16, 2),
            MinSearchCapacityInOcu=If("Production", 2, 0),
            MaxSearchCapacityInOcu=If("Production", 16, 2),
        ),
        Tags=tags("vectors"),
        **KEPT,
    )


def _rule(kind: str) -> Mapping[str, Any]:
    return {"ResourceType": kind, "Resource": [f"{kind}/{COLLECTION}"]}


def _said(document: Any) -> Sub:
    return Sub(json.dumps(document, sort_keys=True))
