"""The containers, roles and routes of a deployment, read from the generated templates with everything in them answered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.cloudformation.resolved import read, resolved


@dataclass(frozen=True, eq=False)
class Container:
    """One kind of process: its command, what it is told, the statements of its role, and the command of its health check."""

    name: str
    command: Sequence[str]
    told: Mapping[str, str]
    secrets: frozenset[str]
    statements: Sequence[Mapping[str, Any]]
    serves: bool
    health: Sequence[str]


@dataclass(frozen=True)
class Services:
    """The template of services in a deployment with these answers and outputs of other stacks."""

    resources: Mapping[str, Any]

    def containers(self) -> Iterator[Container]:
        """All of them."""
        for made in self._of("AWS::ECS::TaskDefinition"):
            (told,) = made["ContainerDefinitions"]
            role = self.resources[made["TaskRoleArn"]["Fn::GetAtt"][0]]["Properties"]
            yield Container(
                told["Name"],
                told["Command"],
                self.told(told["Name"]),
                frozenset(each["Name"] for each in told["Secrets"]),
                [said for policy in role["Policies"] for said in policy["PolicyDocument"]["Statement"]],
                "PortMappings" in told,
                told.get("HealthCheck", {}).get("Command", ["NONE"])[1:],
            )

    def told(self, name: str) -> Mapping[str, str]:
        """What a process is told by its file."""
        (files,) = self._of("AWS::CloudFormation::CustomResource")
        return {**files["All"], **files["Each"][name]}

    def rules(self) -> Mapping[str, str]:
        """The container that answers, by the path patterns of the load balancer's rules."""
        behind = {
            target["TargetGroupArn"]["Ref"]: target["ContainerName"]
            for service in self._of("AWS::ECS::Service")
            for target in service.get("LoadBalancers", ())
        }
        return {
            pattern: behind[rule["Actions"][0]["TargetGroupArn"]["Ref"]]
            for rule in self._of("AWS::ElasticLoadBalancingV2::ListenerRule")
            for pattern in rule["Conditions"][0]["PathPatternConfig"]["Values"]
        }

    def _of(self, kind: str) -> Iterator[Any]:
        return (made["Properties"] for made in self.resources.values() if made["Type"] == kind)


def services(given: Mapping[str, Any], region: str) -> Services:
    """The services of a deployment; `given` are answers and outputs by the names of the template's parameters."""
    return Services(resolved(read("services.json"), given, region)["Resources"])


def matches(pattern: str, path: str) -> bool:
    """Whether a path has a pattern of the load balancer's or of CloudFront's: `*` is any text, `?` any character."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), path) is not None


def asked_of_api() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Method and path of everything that API Gateway passes on."""
    methods = [one["Properties"] for one in read("edge.json")["Resources"].values() if one["Type"] == "AWS::ApiGateway::Method"]
    paths = [str(one["Integration"]["Uri"]["Fn::Sub"]).partition("${BalancerHost}")[2] for one in methods]
    return tuple(
        (one["HttpMethod"], re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))))
        for one, path in zip(methods, paths, strict=True)
    )


def asked_of_portal() -> tuple[str, ...]:
    """The path patterns that CloudFront passes on."""
    (made,) = [one for one in read("front.json")["Resources"].values() if one["Type"] == "AWS::CloudFront::Distribution"]
    return tuple(each["PathPattern"] for each in made["Properties"]["DistributionConfig"]["CacheBehaviors"])
