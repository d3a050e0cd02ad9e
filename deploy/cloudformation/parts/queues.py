"""A queue and the queue of its dead letters for each queue of a manifest; nobody reaches either without TLS."""

from collections.abc import Iterator
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.sqs import Queue as SqsQueue
from troposphere.sqs import QueuePolicy, RedrivePolicy

from deploy.cloudformation.common import KEPT, tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.names import dead_queue_name, queue_name
from foundation.adapters.aws.queue_shape import RETENTION, most_deliveries, visibility
from foundation.manifest import Queue


def queue(declared: Queue) -> Iterator[AWSObject]:
    """The two queues, and their policies."""
    title = logical("queue", declared.name)
    yield _made(
        title,
        QueueName=queue_name(declared.name),
        VisibilityTimeout=visibility(declared),
        RedrivePolicy=RedrivePolicy(
            deadLetterTargetArn=GetAtt(f"{title}Dead", "Arn"), maxReceiveCount=most_deliveries(declared)
        ),
        Tags=tags(declared.name),
    )
    own = f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{queue_name(declared.name).data['Fn::Sub']}"
    yield _made(
        f"{title}Dead",
        QueueName=dead_queue_name(declared.name),
        RedriveAllowPolicy={"redrivePermission": "byQueue", "sourceQueueArns": [Sub(own)]},
        Tags=tags(f"{declared.name}-dead"),
    )
    for name in (title, f"{title}Dead"):
        yield QueuePolicy(f"{name}Policy", Queues=[Ref(name)], PolicyDocument=only_tls(GetAtt(name, "Arn"), "sqs:*"))


def _made(title: str, **properties: object) -> SqsQueue:
    return SqsQueue(
        title,
        MessageRetentionPeriod=RETENTION,
        KmsMasterKeyId=Ref("DataKeyArn"),
        KmsDataKeyReusePeriodSeconds=3600,
        **KEPT,
        **properties,
    )


def only_tls(resource: object, actions: str) -> dict[str, Any]:
    """A resource's policy that refuses everything that comes without TLS, and gives nobody anything."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": actions,
                "Resource": resource,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
