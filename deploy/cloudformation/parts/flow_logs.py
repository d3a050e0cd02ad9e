"""The log of all that goes through the VPC."""

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.ec2 import FlowLog
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from deploy.cloudformation.common import tags


def flow_logs() -> tuple[AWSObject, ...]:
    """The flow log, its log group, and the role that writes there."""
    return (
        LogGroup(
            "FlowLogGroup",
            LogGroupName=Sub("/${Deployment}/network"),
            RetentionInDays=Ref("LogDays"),
            KmsKeyId=Ref("LogsKeyArn"),
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        ),
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
