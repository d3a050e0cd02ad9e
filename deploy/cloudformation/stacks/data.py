"""Data: everything that is stored. All of it stays when the stack goes."""

from troposphere import GetAtt, Ref

from deploy.cloudformation.common import (
    COST_PROFILE,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    PRIVATE_ENDPOINTS,
    PRIVATE_SUBNETS,
    VPC,
    group,
)
from deploy.cloudformation.frame import Output, Parameter, Stack, logical
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import cache, destroyed, files, functions, log_bucket, queues, signing, tables, vectors
from deploy.cloudformation.parts.own_id import own_id
from deploy.cloudformation.stacks.identity import EMAIL
from deploy.cloudformation.stacks.network import PRIVATE


def _group(name: str, of: str) -> Parameter:
    return Parameter(
        name=f"{name}GroupId",
        label=f"Security group of {of}",
        help=f"Output {name}GroupId of the stack `network`.",
        type="AWS::EC2::SecurityGroup::Id",
        source=f"network.{name}GroupId",
    )


def stack(platform: Platform) -> Stack:
    """The stores of a deployment."""
    return Stack(
        name="data",
        title="Generative AI Foundation: tables, files, queues, cache, vectors and secrets.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE),
            group(
                NETWORK_GROUP,
                PRIVATE,
                VPC,
                PRIVATE_SUBNETS,
                _group("Cache", "the cache"),
                _group("Endpoints", "endpoints"),
                functions.GROUP,
            ),
            group(ENCRYPTION_GROUP, DATA_KEY, LOGS_KEY),
            group(OPERATION_GROUP, LOG_DAYS),
            group("Administrators", EMAIL),
        ),
        conditions=PRIVATE_ENDPOINTS,
        resources=(
            *(tables.table(kind) for kind in platform.records),
            *destroyed.destroyed(),
            *log_bucket.log_bucket(),
            *files.bucket(platform.folders),
            *(made for queue in platform.queues for made in queues.queue(queue)),
            *cache.cache(),
            *signing.signing(platform),
            *vectors.collection(),
        ),
        outputs=_outputs(platform),
    )


def _outputs(platform: Platform) -> tuple[Output, ...]:
    return (
        own_id("data"),
        Output("FilesBucket", Ref("Files"), "The bucket of all files.", shown=True),
        Output("FilesBucketArn", GetAtt("Files", "Arn"), "Its ARN."),
        Output("AdministratorTopicArn", Ref("Destroyed"), "The topic by which the administrator is told."),
        Output("LogsBucket", Ref("Logs"), "The bucket of access logs.", shown=True),
        Output("LogsBucketDomain", GetAtt("Logs", "RegionalDomainName"), "Its domain, where CloudFront writes."),
        *cache.outputs(),
        Output("SigningKeysSecretArn", Ref("SigningKeys"), "ARN of the secret of the keys that sign.", shown=True),
        Output("RotationFunctionName", Ref("RotationFunction"), "The function that rotates them."),
        Output("CollectionArn", GetAtt("Vectors", "Arn"), "ARN of the collection of vectors."),
        Output(
            "CollectionUrl", GetAtt("Vectors", "CollectionEndpoint"), "Where the collection of vectors is reached.", shown=True
        ),
        *(
            Output(f"{logical('queue', queue.name)}Name", GetAtt(logical("queue", queue.name), "QueueName"), "A queue's name.")
            for queue in platform.queues
        ),
    )
