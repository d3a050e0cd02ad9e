"""List prices of AWS in us-east-1 in US dollars, by what is paid for. Free tiers are left out: an account has them once."""

from dataclasses import dataclass
from typing import Final

DATE: Final = "2026-11-27"
HOURS: Final = 730  # of a month


@dataclass(frozen=True, slots=True)
class Price:
    """A price for a month of one unit. quoted: as AWS quotes it; listed: its page of prices."""

    what: str
    month: float
    quoted: str
    listed: str


def hourly(what: str, hour: float, listed: str, unit: str = "hour") -> Price:
    """A price that AWS quotes by the hour."""
    return Price(what, hour * HOURS, f"{hour:g} per {unit}", listed)


VCPU: Final = hourly("vCPU of Fargate", 0.04048, "aws.amazon.com/fargate/pricing", "vCPU-hour")
MEMORY: Final = hourly("GB of memory of Fargate", 0.004445, "aws.amazon.com/fargate/pricing", "GB-hour")
BALANCER: Final = hourly("load balancer", 0.0225, "aws.amazon.com/elasticloadbalancing/pricing")
NAT: Final = hourly("NAT gateway", 0.045, "aws.amazon.com/vpc/pricing")
ADDRESS: Final = hourly("public IPv4 address", 0.005, "aws.amazon.com/vpc/pricing")
ENDPOINT: Final = hourly("interface endpoint in a zone", 0.01, "aws.amazon.com/privatelink/pricing")
VALKEY: Final = hourly("GB in a serverless cache of Valkey", 0.084, "aws.amazon.com/elasticache/pricing", "GB-hour")
REDIS: Final = hourly("GB in a serverless cache of Redis OSS", 0.125, "aws.amazon.com/elasticache/pricing", "GB-hour")
OCU: Final = hourly("OCU of OpenSearch Serverless", 0.24, "aws.amazon.com/opensearch-service/pricing", "OCU-hour")
KEY: Final = Price("KMS key", 1.0, "1 a month", "aws.amazon.com/kms/pricing")
SECRET: Final = Price("secret", 0.4, "0.40 a month", "aws.amazon.com/secrets-manager/pricing")
ACL: Final = Price("web ACL", 5.0, "5 a month", "aws.amazon.com/waf/pricing")
RULE: Final = Price("rule of a web ACL", 1.0, "1 a month", "aws.amazon.com/waf/pricing")
ALARM: Final = Price("metric of an alarm", 0.1, "0.10 a month", "aws.amazon.com/cloudwatch/pricing")
DASHBOARD: Final = Price("dashboard", 3.0, "3 a month", "aws.amazon.com/cloudwatch/pricing")
METRIC: Final = Price("metric of Container Insights", 0.3, "0.30 a month", "aws.amazon.com/cloudwatch/pricing")


@dataclass(frozen=True, slots=True)
class PriceOfUse:
    """What a use costs; when: in words, what of a deployment is used so."""

    what: str
    quoted: str
    when: str
    listed: str


COGNITO: Final = (
    PriceOfUse(
        "user who signs in, in Cognito's tier Plus",
        "0.02 a month",
        "an administrator who signs in at all",
        "aws.amazon.com/cognito/pricing",
    ),
    PriceOfUse(
        "access token that Cognito gives a client",
        "2.25 per 1,000 up to 250,000 a month, then less",
        "an application fetches one an hour (`TOKEN_LIFETIME`) in each of its processes, with API keys none",
        "aws.amazon.com/cognito/pricing",
    ),
    PriceOfUse(
        "client of Cognito that fetches such tokens",
        "6 a month in price guides of 2025",
        "each application, and the portal's own",
        "aws.amazon.com/cognito/pricing",
    ),
)


ALL: Final = tuple(value for value in globals().values() if isinstance(value, Price))
