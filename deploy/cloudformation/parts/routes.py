"""Which paths reach which service: target groups and the load balancer's rules, from the manifests."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, Ref
from troposphere.elasticloadbalancingv2 import (
    Condition,
    ListenerRule,
    ListenerRuleAction,
    PathPatternConfig,
    TargetGroup,
    TargetGroupAttribute,
)

from deploy.cloudformation.common import tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.house import Platform, Process
from foundation.manifest import Manifest

PORT: Final = 8000
VALUES: Final = 5  # that one rule may hold
PRIORITIES: Final = 50_000  # that there are
OF_ALL: Final = ("/", "/docs", "/openapi.json", "/static/*", "/service/health")  # what every process answers
ATTRIBUTES: Final[Mapping[str, str]] = {
    "deregistration_delay.timeout_seconds": "300",  # in which whole answers end; streams that are longer are cut
    "load_balancing.algorithm.type": "least_outstanding_requests",
}


def patterns(manifest: Manifest) -> tuple[str, ...]:
    """The path patterns of a capability. Those of two capabilities have no path in common."""
    own = [pattern for prefix in manifest.prefixes for pattern in (f"/{prefix}", f"/{prefix}/*")]
    health = [f"/{name}/service/*" for name in manifest.services if name not in manifest.prefixes]
    return (*own, *health, *(OF_ALL if manifest.front else ()))


def browsers(platform: Platform) -> tuple[str, ...]:
    """The path patterns that browsers ask for: those of the front."""
    return tuple(pattern for each in platform.capabilities if each.manifest.front for pattern in patterns(each.manifest))


def routes(process: Process) -> Iterator[AWSObject]:
    """The target group of a service, and as many rules as its patterns need."""
    assert process.capability is not None
    title = logical(process.name)
    yield TargetGroup(
        f"{title}Targets",
        VpcId=Ref("VpcId"),
        TargetType="ip",
        Protocol="HTTP",
        Port=PORT,
        HealthCheckPath="/service/health",
        HealthCheckIntervalSeconds=15,
        HealthCheckTimeoutSeconds=10,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=4,
        TargetGroupAttributes=[TargetGroupAttribute(Key=key, Value=value) for key, value in ATTRIBUTES.items()],
        Tags=tags(process.name),
    )
    wanted = patterns(process.capability.manifest)
    for place in range(0, len(wanted), VALUES):
        name = f"{title}Rule{place // VALUES + 1}"
        yield ListenerRule(
            name,
            ListenerArn=Ref("ListenerArn"),
            Priority=priority(name),
            Conditions=[Condition(Field="path-pattern", PathPatternConfig=_values(wanted[place : place + VALUES]))],
            Actions=[ListenerRuleAction(Type="forward", TargetGroupArn=Ref(f"{title}Targets"))],
        )


def priority(name: str) -> int:
    """A rule's place, from its name alone: a new rule moves no other. The order says nothing, as no path has two rules."""
    return zlib.crc32(name.encode()) % PRIORITIES + 1


def _values(some: Any) -> PathPatternConfig:
    return PathPatternConfig(Values=list(some))
