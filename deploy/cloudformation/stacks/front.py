"""Front: CloudFront with a firewall before the load balancer, for browsers: the portal and its static files."""

from typing import Any, Final

from troposphere import Equals, GetAtt, If, Not, Ref, Sub

from deploy.cloudformation.common import (
    BALANCER_ARN,
    BALANCER_HOST,
    BALANCER_SCHEME,
    COST_PROFILE,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    group,
    together,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import front_firewall, functions
from deploy.cloudformation.parts.distribution import distribution
from deploy.cloudformation.parts.firewall import RATE

DOMAIN: Final = Parameter(
    name="PortalDomain",
    label="Domain of the portal",
    help="A host name of the company by which browsers reach the portal, with its certificate below; its DNS record must point "
    "to the output PortalTarget. Empty: a name of CloudFront.",
    default="",
    pattern="([a-z0-9-]+([.][a-z0-9-]+)+)?",
    hint="a host name in small letters, or nothing",
)
CERTIFICATE: Final = Parameter(
    name="PortalCertificateArn",
    label="Certificate of that domain",
    help="ARN of its certificate in ACM, which must be in us-east-1 wherever this deployment is. Empty without a domain.",
    default="",
    pattern="(arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[a-z0-9-]+)?",
    hint="the ARN of a certificate in ACM in us-east-1, or nothing",
)
LOGS: Final = Parameter(
    name="LogsBucketDomain",
    label="Domain of the bucket of logs",
    help="Output LogsBucketDomain of the stack `data`.",
    source="data.LogsBucketDomain",
)
PLACES: Final = Parameter(
    name="PriceClass",
    label="Where CloudFront answers",
    help="From which places: PriceClass_100 North America and Europe, PriceClass_200 also Asia and others, PriceClass_All all.",
    default="PriceClass_100",
    allowed=("PriceClass_100", "PriceClass_200", "PriceClass_All"),
)
COUNTRIES: Final = Parameter(
    name="RefusedCountries",
    label="Countries that are refused",
    help="From which the portal is not reached: codes of two letters, with commas between them. The default has those under "
    "embargo of the United States, in whose regions the platform is. Empty: the portal is reached from everywhere.",
    default="CU,IR,KP",
    pattern="([A-Z]{2}(,[A-Z]{2})*)?",
    hint="codes of two capital letters with commas between them, or nothing",
)


def stack(platform: Platform) -> Stack:
    """What browsers reach."""
    return Stack(
        name="front",
        title="Generative AI Foundation: CloudFront with a firewall before the portal.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE),
            group("Portal", DOMAIN, CERTIFICATE, PLACES, COUNTRIES),
            group("Firewall", front_firewall.GIVEN, RATE),
            group(NETWORK_GROUP, BALANCER_ARN, BALANCER_HOST, BALANCER_SCHEME, *functions.NETWORK),
            group(OPERATION_GROUP, LOG_DAYS),
            group(ENCRYPTION_GROUP, DATA_KEY, LOGS_KEY),
            group("Data", LOGS, functions.TOPIC),
        ),
        conditions={
            **functions.CONDITIONS,
            **front_firewall.CONDITIONS,
            "Everywhere": Equals(Ref("RefusedCountries"), ""),
            "OwnDomain": Not(Equals(Ref("PortalDomain"), "")),
            "Plain": Equals(Ref("BalancerScheme"), "http"),
            "Tls": Equals(Ref("BalancerScheme"), "https"),
        },
        rules={
            "DomainHasCertificate": together(
                "PortalDomain", "PortalCertificateArn", "A domain of the portal needs its certificate, and the other way round."
            )
        },
        resources=(
            *front_firewall.front_firewall(platform),
            *distribution(platform),
        ),
        outputs=(
            Output("PortalUrl", _url(), "Where browsers reach the portal, without a path.", shown=True),
            Output(
                "PortalTarget", GetAtt("Distribution", "DomainName"), "Where the portal's own domain must point.", shown=True
            ),
            Output("DistributionId", Ref("Distribution"), "The distribution in CloudFront and its metrics."),
        ),
    )


def _url() -> Any:
    return If("OwnDomain", Sub("https://${PortalDomain}"), Sub("https://${Distribution.DomainName}"))
