"""The log of all that goes through the VPC."""

from troposphere import AWSObject, GetAtt, Ref
from troposphere.ec2 import FlowLog
from troposphere.iam import Policy, Role

from deploy.cloudformation.common import log_group, tags


def flow_logs() -> tuple[AWSObject, ...]:
    """The flow log, its log group, and the role that writes there."""
    return (
        log_group("FlowLogGroup", "/${Deployment}/network"),
        Role(
            "FlowLogRole",
            AssumeRolePolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
                    }
                ],
            },
            Policies=[
                Policy(
                    PolicyName="write",
                    PolicyDocument={
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                                "Resource": GetAtt("FlowLogGroup", "Arn"),
                            }
                        ],
                    },
                )
            ],
            Tags=tags("flow-logs"),
        ),
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
