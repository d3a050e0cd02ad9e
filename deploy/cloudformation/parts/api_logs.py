"""What API Gateway writes down: a line for each request, and its own failures; never a body or a credential."""

import json
from collections.abc import Iterator
from typing import Final

from troposphere import AWSObject, GetAtt, If, Ref, Sub
from troposphere.apigateway import Account

from deploy.cloudformation.common import KEPT, log_group
from deploy.cloudformation.frame import Parameter
from deploy.cloudformation.parts.role import ANY, role

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
EVERY_GROUP: Final = Sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*")  # API Gateway takes no less
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
    yield log_group("ApiLogs", "/${Deployment}/api")
    yield log_group("ApiFailures", f"API-Gateway-Execution-Logs_${{Api}}/{stage}")
    writes = {"Effect": "Allow", "Action": list(WRITES), "Resource": EVERY_GROUP}
    yield role("ApiLogRole", "api-logs", "apigateway", [writes], when=ANY, Condition="OwnLogRole", **KEPT)
    yield Account(
        "ApiGateway",
        CloudWatchRoleArn=GetAtt("ApiLogRole", "Arn"),
        Condition="OwnLogRole",
        **KEPT,
    )
