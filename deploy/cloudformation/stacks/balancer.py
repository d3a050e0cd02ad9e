"""Balancer: the internal load balancer, to which services add their rules."""

from collections.abc import Mapping
from typing import Any, Final

from troposphere import Equals, GetAtt, If, Not, Ref
from troposphere.elasticloadbalancingv2 import (
    Action,
    Certificate,
    FixedResponseConfig,
    Listener,
    LoadBalancer,
    LoadBalancerAttributes,
)

from deploy.cloudformation.common import (
    DEPLOYMENT,
    NETWORK_GROUP,
    PLATFORM_GROUP,
    PRIVATE_SUBNETS,
    accepted,
    group,
    named,
    tags,
    together,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.log_bucket import BALANCER_LOGS

IDLE_SECONDS: Final = 360  # more than ROUTE_DEADLINE, in which a whole answer must have come; KEEP_ALIVE is longer still
CERTIFICATE: Final = Parameter(
    name="BalancerCertificateArn",
    label="Certificate of the load balancer",
    help="ARN of an ACM certificate of this region; with one, the load balancer speaks TLS inside the VPC. May be empty.",
    default="",
    pattern="(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[a-z0-9-]+)?",
    hint="the ARN of a certificate in ACM, or nothing",
)
CERTIFICATE_NAME: Final = Parameter(
    name="BalancerCertificateName",
    label="Name in that certificate",
    help="The host name for which the load balancer's certificate is; CloudFront and API Gateway check it. Empty without one.",
    default="",
    pattern="([a-z0-9-]+([.][a-z0-9-]+)+)?",
    hint="a host name, or nothing",
)
GROUP: Final = Parameter(
    name="BalancerGroupId",
    label="Security group of the load balancer",
    help="Output BalancerGroupId of the stack `network`.",
    type="AWS::EC2::SecurityGroup::Id",
    source="network.BalancerGroupId",
)
LOGS_BUCKET: Final = Parameter(
    name="LogsBucket",
    label="Bucket of logs",
    help="Output LogsBucket of the stack `data`.",
    source="data.LogsBucket",
)
ATTRIBUTES: Final[Mapping[str, Any]] = {
    "idle_timeout.timeout_seconds": str(IDLE_SECONDS),
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "routing.http.desync_mitigation_mode": "strictest",
    "deletion_protection.enabled": "true",  # who removes a deployment turns it off first (docs/deploy.md)
    "access_logs.s3.enabled": "true",
    "access_logs.s3.bucket": Ref("LogsBucket"),
    "access_logs.s3.prefix": BALANCER_LOGS,
}
PLAIN: Final = "TLS 1.2 and later where there is a certificate; without one it is plain inside the VPC alone"
NOBODY: Final = FixedResponseConfig(
    StatusCode="404",
    ContentType="application/json",
    MessageBody='{"detail": "There is nothing at this path.", "code": "not_found"}',
)


def stack(platform: Platform) -> Stack:
    """The load balancer of a deployment."""
    return Stack(
        name="balancer",
        title="Generative AI Foundation: the internal load balancer before all services.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT),
            group(NETWORK_GROUP, CERTIFICATE, CERTIFICATE_NAME, PRIVATE_SUBNETS, GROUP),
            group("Data", LOGS_BUCKET),
        ),
        conditions={"Tls": Not(Equals(Ref("BalancerCertificateArn"), ""))},
        rules={
            "CertificateHasName": together(
                "BalancerCertificateArn", "BalancerCertificateName", "A certificate of the load balancer needs its name, too."
            )
        },
        resources=(_balancer(), _listener()),
        outputs=(
            Output("BalancerArn", Ref("Balancer"), "ARN of the load balancer."),
            Output("BalancerName", GetAtt("Balancer", "LoadBalancerFullName"), "Its name in metrics."),
            Output("BalancerDns", GetAtt("Balancer", "DNSName"), "Its name inside the VPC."),
            Output("ListenerArn", Ref("Listener"), "ARN of the listener that has the services' rules."),
            Output("BalancerScheme", If("Tls", "https", "http"), "How it is spoken to."),
            Output(
                "BalancerHost",
                If("Tls", Ref("BalancerCertificateName"), GetAtt("Balancer", "DNSName")),
                "By which name it is spoken to: with a certificate the one that stands there.",
            ),
        ),
    )


def _balancer() -> LoadBalancer:
    return LoadBalancer(
        "Balancer",
        Name=named("services"),
        Scheme="internal",
        Type="application",
        Subnets=Ref("PrivateSubnets"),
        SecurityGroups=[Ref("BalancerGroupId")],
        LoadBalancerAttributes=[LoadBalancerAttributes(Key=key, Value=value) for key, value in ATTRIBUTES.items()],
        Tags=tags("services"),
    )


def _listener() -> Listener:
    return Listener(
        "Listener",
        LoadBalancerArn=Ref("Balancer"),
        Port=If("Tls", 443, 80),
        Protocol=If("Tls", "HTTPS", "HTTP"),
        SslPolicy=If("Tls", "ELBSecurityPolicy-TLS13-1-2-2021-06", Ref("AWS::NoValue")),
        Certificates=If("Tls", [Certificate(CertificateArn=Ref("BalancerCertificateArn"))], Ref("AWS::NoValue")),
        DefaultActions=[Action(Type="fixed-response", FixedResponseConfig=NOBODY)],
        Metadata=accepted("CKV_AWS_2", PLAIN, ("CKV_AWS_103", PLAIN)),
    )
