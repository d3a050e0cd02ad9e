"""The firewall before CloudFront alone, for a deployment outside us-east-1, which is where CloudFront's firewalls are."""

from typing import Final

from troposphere import GetAtt

from deploy.cloudformation.common import DEPLOYMENT, GONE, LOG_DAYS, OPERATION_GROUP, PLATFORM_GROUP, group
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.firewall import RATE, firewall
from deploy.cloudformation.stacks.keys import LOGS, key

REGION: Final = Parameter(
    name="DeploymentRegion",
    label="Region of the deployment",
    help="Where everything else of the deployment is.",
    pattern="[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}",
    hint="the name of a region, for example us-west-2",
)


def stack(platform: Platform) -> Stack:
    """The firewall of a deployment's portal."""
    return Stack(
        name="front-waf",
        title="Generative AI Foundation: the firewall before CloudFront. It belongs in us-east-1, wherever the deployment is.",
        groups=(group(PLATFORM_GROUP, DEPLOYMENT, REGION, RATE), group(OPERATION_GROUP, LOG_DAYS)),
        resources=(
            key("LogsKey", "front-waf-logs", "Encrypts the log of the firewall.", LOGS, **GONE),  # which goes with it
            *firewall("Firewall", "front", "CLOUDFRONT", key=GetAtt("LogsKey", "Arn"), place="${DeploymentRegion}-"),
        ),
        outputs=(Output("FirewallArn", GetAtt("Firewall", "Arn"), "ARN of the web ACL."),),
    )
