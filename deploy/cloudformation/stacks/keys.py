"""Keys: what encrypts stored data, and what encrypts logs."""

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Sub
from troposphere.kms import Alias, Key

from deploy.cloudformation.common import DEPLOYMENT, KEPT, PLATFORM_GROUP, group, tags
from deploy.cloudformation.frame import Output, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts.own_id import own_id

OWNER: Mapping[str, Any] = {  # without it nobody could administer the key; the account's policies say who may
    "Sid": "AccountDecidesByItsPolicies",
    "Effect": "Allow",
    "Principal": {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
    "Action": "kms:*",
    "Resource": "*",
}
ONLY_FOR_AWS: Mapping[str, Any] = {  # a grant outlives the policy that allowed it: only AWS's services make them
    "Sid": "GrantsForServicesAlone",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "kms:CreateGrant",
    "Resource": "*",
    "Condition": {"BoolIfExists": {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}},
}
LOGS: Mapping[str, Any] = {
    "Sid": "LogsOfThisDeployment",
    "Effect": "Allow",
    "Principal": {"Service": Sub("logs.${AWS::Region}.${AWS::URLSuffix}")},
    "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
    "Resource": "*",
    "Condition": {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": Sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*")
        }
    },
}
TOPICS: Mapping[str, Any] = {
    "Sid": "AlarmsAndBucketsToEncryptedTopics",
    "Effect": "Allow",
    "Principal": {"Service": ["cloudwatch.amazonaws.com", "s3.amazonaws.com"]},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")}},
}


def stack(platform: Platform) -> Stack:
    """The keys of a deployment."""
    return Stack(
        name="keys",
        title="Generative AI Foundation: keys that encrypt data and logs.",
        groups=(group(PLATFORM_GROUP, DEPLOYMENT),),
        resources=(
            key("DataKey", "data", "Encrypts tables, files, queues, secrets and vectors.", TOPICS, **KEPT),
            _alias("DataKey", "data"),
            key("LogsKey", "logs", "Encrypts logs.", LOGS, **KEPT),
            _alias("LogsKey", "logs"),
        ),
        outputs=(
            own_id("keys"),
            Output("DataKeyArn", GetAtt("DataKey", "Arn"), "ARN of the key of data."),
            Output("LogsKeyArn", GetAtt("LogsKey", "Arn"), "ARN of the key of logs."),
        ),
    )


def key(title: str, name: str, meaning: str, *statements: Mapping[str, Any], **fate: str) -> Key:
    """A key that the account's policies and these statements open. fate: what becomes of it when its stack goes."""
    return Key(
        title,
        Description=meaning,
        EnableKeyRotation=True,
        PendingWindowInDays=30,
        KeyPolicy={"Version": "2012-10-17", "Statement": [OWNER, *statements, ONLY_FOR_AWS]},
        Tags=tags(name),
        **fate,
    )


def _alias(title: str, name: str) -> Alias:
    return Alias(f"{title}Alias", AliasName=Sub(f"alias/${{Deployment}}-{name}"), TargetKeyId=GetAtt(title, "Arn"))
