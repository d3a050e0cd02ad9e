"""The firewall before CloudFront alone, for a deployment outside us-east-1, which is where CloudFront's firewalls are."""

from troposphere import GetAtt

from deploy.cloudformation.common import DEPLOYMENT, LOG_DAYS, OPERATION_GROUP, PLATFORM_GROUP, group
from deploy.cloudformation.frame import Output, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.firewall import RATE, firewall


def stack(platform: Platform) -> Stack:
    """The firewall of a deployment's portal."""
    return Stack(
        name="front-waf",
        title="Generative AI Foundation: the firewall before CloudFront. It belongs in us-east-1, wherever the deployment is.",
        groups=(group(PLATFORM_GROUP, DEPLOYMENT, RATE), group(OPERATION_GROUP, LOG_DAYS)),
        resources=tuple(firewall("Firewall", "front", "CLOUDFRONT")),
        outputs=(Output("FirewallArn", GetAtt("Firewall", "Arn"), "ARN of the web ACL."),),
    )
