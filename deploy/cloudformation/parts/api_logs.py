"""What API Gateway writes down: a line for each request, and its own failures; never a body or a credential."""

import json
from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, GetAtt, If, Ref, Sub
from troposphere.apigateway import Account
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from deploy.cloudformation.common import accepted, tags
from deploy.cloudformation.frame import Parameter

ROLE: Final = Parameter(
    name="ApiGatewayLogRole",
    label="Role of API Gateway for logs",
    help="An account has one for all REST APIs of a region. Make: it is made here, and stays when this stack goes. Keep: the "
    "account has one already.",
    default="Make",
    allowed=("Make", "Keep"),
)
ROLE_IS_THERE: Final = If("OwnLogRole", Ref("ApiGateway"), "kept")  # without a role for logs no stage can be made
FIELDS: Final = {
    "request": "$context.requestId",
    "at": "$context.requestTime",
    "address": "$context.identity.sourceIp",
    "client": "$context.authorizer.claims.client_id",
    "method": "$context.httpMethod",
    "path": "$context.resourcePath",
    "status": "$context.status",
    "refused": "$context.error.responseType",
    "firewall": "$context.waf.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "milliseconds_of_service": "$context.integration.latency",
}
FORMAT: Final = json.dumps(FIELDS)
WRITES: Final = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:PutLogEvents",
)


def api_logs(stage: str) -> Iterator[AWSObject]:
    """The two log groups, and the account's role. API Gateway gives the second its name."""
    yield _log_group("ApiLogs", Sub("/${Deployment}/api"))
    yield _log_group("ApiFailures", Sub(f"API-Gateway-Execution-Logs_${{Api}}/{stage}"))
    yield Role(
        "ApiLogRole",
        AssumeRolePolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        },
        Policies=[
            Policy(
                PolicyName="write",
                PolicyDocument={
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": list(WRITES), "Resource": "*"}],
                },
            )
        ],
        Tags=tags("api-logs"),
        Condition="OwnLogRole",
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=accepted(
            "CKV_AWS_111", "API Gateway refuses a role for logs that does not reach every log group of the account", *SAME
        ),
    )
    yield Account(
        "ApiGateway",
        CloudWatchRoleArn=GetAtt("ApiLogRole", "Arn"),
        Condition="OwnLogRole",
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


SAME: Final = (("CKV_AWS_108", "The same"), ("CKV_AWS_109", "The same"))


def _log_group(title: str, name: Any) -> LogGroup:
    return LogGroup(
        title,
        LogGroupName=name,
        RetentionInDays=Ref("LogDays"),
        KmsKeyId=Ref("LogsKeyArn"),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
