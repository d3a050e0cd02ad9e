"""What one deployment takes of an account's quotas, counted in the templates."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.resolved import deployment
from foundation.adapters.aws.quotas import Need

COUNTED: Final[Mapping[str, tuple[str, str, str]]] = {  # type of resource: service and code of its quota, in words
    "AWS::ApiGateway::Resource": ("apigateway", "L-01C8A9E0", "resources of a REST API"),
    "AWS::EC2::EIP": ("ec2", "L-0263D0A3", "elastic IP addresses"),
    "AWS::EC2::VPC": ("vpc", "L-F678F1CE", "VPCs of the region"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("elasticloadbalancing", "L-53DA6B97", "application load balancers"),
}
BUILDS: Final[Mapping[str, tuple[str, str, str]]] = {  # by the type of machine on which a project builds; all are small
    "LINUX_CONTAINER": ("codebuild", "L-9D07B6EF", "builds that run at once"),
    "ARM_CONTAINER": ("codebuild", "L-5ED1D25B", "builds that run at once on ARM"),
}
INTERFACES: Final = ("vpc", "L-29B6F2EB", "interface endpoints of a VPC")
RUNS: Final = ("lambda", "L-B99A9384", "functions that run at once")
UNRESERVED: Final = 100  # runs that AWS leaves for all other functions, where one has a reserve
VCPU: Final[Mapping[str, tuple[str, str, str]]] = {  # by capacity provider
    "FARGATE": ("fargate", "L-3032A538", "vCPU of Fargate"),
    "FARGATE_SPOT": ("fargate", "L-36FBB829", "vCPU of Fargate Spot"),
}


def needs(profile: str, architecture: str = "X86_64") -> tuple[Need, ...]:
    """All of them, of a deployment with this cost profile and architecture, and all other answers at their defaults."""
    answers = {"CostProfile": profile, "Architecture": architecture}
    made = [each for template in deployment(**answers).values() for each in template["Resources"].values()]
    machines = [each["Properties"]["Environment"]["Type"] for each in made if each["Type"] == "AWS::CodeBuild::Project"]
    counted = [Need(*quota, amount=sum(each["Type"] == kind for each in made)) for kind, quota in COUNTED.items()]
    interfaces = sum(each["Properties"].get("VpcEndpointType") == "Interface" for each in made if "Properties" in each)
    return (
        *counted,
        *(Need(*quota, amount=machines.count(machine)) for machine, quota in BUILDS.items() if machine in machines),
        Need(*INTERFACES, amount=interfaces),
        Need(*RUNS, amount=_runs(profile)),
        *(Need(*quota, amount=sum(_vcpu(profile, provider))) for provider, quota in VCPU.items()),
    )


def _runs(profile: str) -> int:
    """One at a time, or what is kept in reserve and what AWS wants to be left; outside us-east-1 there is one function more."""
    made = [each for file in deployment("us-west-2", CostProfile=profile).values() for each in file["Resources"].values()]
    reserves = sum(each["Properties"].get("ReservedConcurrentExecutions", 0) for each in made if "Properties" in each)
    return reserves + UNRESERVED if reserves else 1


def _vcpu(profile: str, provider: str) -> Iterator[float]:
    """Of each process there the containers at rest, or one that wakes, twice: in an update, old and new run side by side."""
    for template in deployment(CostProfile=profile).values():
        resources: Mapping[str, Any] = template["Resources"]
        for each in resources.values():
            if each["Type"] == "AWS::ECS::Service" and _provider(each) == provider:
                task = resources[each["Properties"]["TaskDefinition"]["Ref"]]["Properties"]
                scale = next(
                    made["Properties"]
                    for made in resources.values()
                    if made["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget" and _scales(made, each, resources)
                )
                yield 2 * max(1, scale["MinCapacity"]) * int(task["Cpu"]) / 1024


def _provider(service: Mapping[str, Any]) -> str:
    (only,) = service["Properties"]["CapacityProviderStrategy"]
    return str(only["CapacityProvider"])


def _scales(target: Mapping[str, Any], service: Mapping[str, Any], resources: Mapping[str, Any]) -> bool:
    name = next(name for name, made in resources.items() if made is service)
    return f"${{{name}.Name}}" in str(target["Properties"]["ResourceId"])
