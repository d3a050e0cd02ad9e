"""The log of all that goes through the VPC."""

from troposphere import AWSObject, GetAtt, Ref
from troposphere.ec2 import FlowLog

from deploy.cloudformation.common import log_group, tags
from deploy.cloudformation.parts.role import role


def flow_logs() -> tuple[AWSObject, ...]:
    """The flow log, its log group, and the role that writes there."""
    writes = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        "Resource": GetAtt("FlowLogGroup", "Arn"),
    }
    return (
        log_group("FlowLogGroup", "/${Deployment}/network"),
        role("FlowLogRole", "flow-logs", "vpc-flow-logs", [writes]),
        FlowLog(
            "FlowLog",
            ResourceId=Ref("Vpc"),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=Ref("FlowLogGroup"),
            DeliverLogsPermissionArn=GetAtt("FlowLogRole", "Arn"),
            Tags=tags("network"),
        ),
    )
