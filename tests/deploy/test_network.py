"""The two zones of a deployment: everything that the stacks make exists in both."""

import pytest

from deploy.cloudformation.parts.private_ways import GATEWAYS, INTERFACES
from tests.deploy.reading import holds, resources

LACKING = {
    "use1-az3"
}  # where API Gateway's VPC links are not, by their documentation; most newer services are not there either
SUBNETS = resources("network.json", "AWS::EC2::Subnet")


def zone(subnet: str, region: str) -> object:
    """The zone of a subnet: an id that is the same in every account, or what stands for it in another region."""
    known = {"AWS::Region": region, "CostProfile": "Small", "NatGateways": "One", "PrivateEndpoints": "No"}
    for name in ("AvailabilityZoneId", "AvailabilityZone"):
        value = SUBNETS[subnet][name]
        while isinstance(value, dict) and "Fn::If" in value:
            condition, then, otherwise = value["Fn::If"]
            value = then if holds("network.json", condition, known) else otherwise
        if value != {"Ref": "AWS::NoValue"}:
            return value
    return None


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_region_that_is_known_has_two_zones_with_everything(region: str) -> None:
    for kind in ("Public", "Private"):
        zones = [zone(f"{kind}Subnet{each}", region) for each in "AB"]
        assert len({*map(str, zones)}) == 2
        assert all(str(each).startswith({"us-east-1": "use1-az", "us-west-2": "usw2-az"}[region]) for each in zones)
        assert LACKING.isdisjoint(map(str, zones))


def test_another_region_has_its_first_two_zones() -> None:
    assert [zone(f"PrivateSubnet{each}", "eu-central-1") for each in "AB"] == [
        {"Fn::Select": [place, {"Fn::GetAZs": ""}]} for place in (0, 1)
    ]


def test_there_is_a_private_way_to_each_service_that_containers_call_and_to_no_other() -> None:
    elsewhere = {"aoss", "cognito-idp", "elasticache"}  # a way of its own, none that would answer, inside the VPC already
    called = {
        action.partition(":")[0]
        for role in resources("services.json", "AWS::IAM::Role").values()
        if role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    keys = {"kms"}  # AWS's services ask for keys, in the name of who calls them
    ways = {name.partition(".")[0].removesuffix("-runtime") for name in (*GATEWAYS, *INTERFACES)}
    assert ways == called - elsewhere - keys
