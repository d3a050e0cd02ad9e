"""Tells an administrator when a stored version of a file is destroyed: no role may do that, so somebody did it by hand."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSObject, Ref, Sub
from troposphere.s3 import NotificationConfiguration, TopicConfigurations
from troposphere.sns import SubscriptionResource, Topic, TopicPolicy

from deploy.cloudformation.common import named, tags
from deploy.cloudformation.parts.queues import only_tls

TELLS: Final[Mapping[str, Any]] = {  # of a bucket
    "NotificationConfiguration": NotificationConfiguration(
        TopicConfigurations=[TopicConfigurations(Event="s3:ObjectRemoved:Delete", Topic=Ref("Destroyed"))]
    ),
    "DependsOn": ["DestroyedPolicy"],  # S3 tries the topic when it is told of it
}


def destroyed() -> Iterator[AWSObject]:
    """The topic, who may speak on it, and the administrator whom it writes to."""
    yield Topic(
        "Destroyed",
        TopicName=named("destroyed"),
        DisplayName="Generative AI Foundation",
        KmsMasterKeyId=Ref("DataKeyArn"),
        Tags=tags("destroyed"),
    )
    refused = only_tls(Ref("Destroyed"), "sns:Publish")
    buckets = Sub("arn:${AWS::Partition}:s3:::${Deployment}-*-${AWS::AccountId}-${AWS::Region}")
    speaks = {
        "Sid": "BucketsOfThisDeployment",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": Ref("Destroyed"),
        "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}, "ArnLike": {"aws:SourceArn": buckets}},
    }
    yield TopicPolicy(
        "DestroyedPolicy",
        Topics=[Ref("Destroyed")],
        PolicyDocument={**refused, "Statement": [*refused["Statement"], speaks]},
    )
    yield SubscriptionResource("DestroyedMail", TopicArn=Ref("Destroyed"), Protocol="email", Endpoint=Ref("AdministratorEmail"))
