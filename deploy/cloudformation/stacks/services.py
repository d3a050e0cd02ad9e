"""Services: a cluster with one service for each capability and one worker for each queue, each with a role of its own."""

from collections.abc import Iterator
from typing import Final

from troposphere import AWSObject, Equals, GetAtt, If, Not, Ref
from troposphere.ecs import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    ClusterSetting,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    ForceNewDeployment,
    LoadBalancer,
    NetworkConfiguration,
    Service,
)

from deploy.cloudformation.common import (
    ARCHITECTURE,
    CLUSTER,
    COST_PROFILE,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    ENGINE,
    IMAGE_HINT,
    IMAGE_URI,
    LOCAL_ENGINE,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    PRIVATE_SUBNETS,
    PRODUCTION,
    VPC,
    accepted,
    group,
    named,
    tags,
    taken,
)
from deploy.cloudformation.frame import Group, Output, Parameter, Stack, logical
from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.parts import containers, functions, routes, scaling, told
from deploy.cloudformation.stacks.identity import PORTAL_URL

IMAGE: Final = Parameter(
    name="ImageUri",
    label="Image",
    help="URI of the platform's image in ECR, with its tag or digest; output ImageUri of the stack `build`.",
    source="build.ImageUri",
    pattern=IMAGE_URI,
    hint=IMAGE_HINT,
)
BEDROCK: Final = Parameter(
    name="BedrockRegion",
    label="Region of Amazon Bedrock",
    help="The region whose models are called; empty: the region of this deployment.",
    default="",
    pattern="([a-z]{2,6}(-[a-z]+)+-[0-9]{1,2})?",
    hint="the name of a region, for example us-west-2, or nothing",
)
TEXTRACT: Final = Parameter(
    name="TextractJobs",
    label="Documents that Textract reads at once",
    help="No more than the account's quota of asynchronous jobs of Amazon Textract; the others wait for their turn.",
    default="100",
    pattern="[1-9][0-9]{0,3}",
    hint="a number from 1 to 9999",
)
ALIASES: Final = Parameter(
    name="ModelAliases",
    label="Names of models that another model answers",
    help="As kind:pattern=model, with commas between them, for example text:TITAN_TEXT_*=META_LLAMA3_70B_INSTRUCT_V1; "
    "may be empty.",
    default="",
    pattern="([^=,]+=[^=,]+(,[^=,]+=[^=,]+)*)?",
    hint="kind:pattern=model with commas between them, or nothing",
)
MOST: Final = Parameter(
    name="MostContainers",
    label="Most containers of a kind",
    help="Up to how many containers of one service or worker are added on load. 0: 4 in Small, 20 in Production. Never 1.",
    type="Number",
    default=0,
    lowest=0,
    highest=500,
)
FURTHER: Final = Parameter(
    name="FurtherSettings",
    label="Further settings",
    help="Other settings of docs/settings.md, as NAME=value with semicolons between them, for example "
    "USAGE_DAYS=90;OPENAI_BASE_URL=https://models.example.com/v1. Containers check them when they start, and a wrong one "
    "brings the former containers back. What is secret belongs into the secret of FurtherSecretsArn. May be empty.",
    default="",
    pattern="([A-Z][A-Z0-9_]*=[^;]+(;[A-Z][A-Z0-9_]*=[^;]+)*)?",
    hint="NAME=value with semicolons between them, or nothing",
)
SECRETS: Final = Parameter(
    name="FurtherSecretsArn",
    label="Secret with further settings",
    help="ARN of a secret of yours in Secrets Manager, in this region, whose keys are names of settings, for example "
    "OPENAI_API_KEY, ANTHROPIC_API_KEY or METRICS_TOKEN. Containers get it when they start. Empty: there is none.",
    default="",
    pattern="(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+)?",
    hint="the whole ARN of a secret, or nothing",
)
LEVEL: Final = Parameter(
    name="LogLevel",
    label="What is logged",
    help="From which importance on events are logged.",
    default="WARNING",
    allowed=("DEBUG", "INFO", "WARNING", "ERROR"),
)


def stack(platform: Platform) -> Stack:
    """All containers of a deployment."""
    return Stack(
        name="services",
        title="Generative AI Foundation: a service for each capability, a worker for each queue.",
        groups=_groups(),
        conditions={
            **PRODUCTION,
            **LOCAL_ENGINE,
            "FurtherSecrets": Not(Equals(Ref("FurtherSecretsArn"), "")),
            "OwnMost": Not(Equals(Ref("MostContainers"), 0)),
            "OwnBedrockRegion": Not(Equals(Ref("BedrockRegion"), "")),
        },
        rules={
            "MoreThanOneContainer": {
                "Assertions": [
                    {
                        "Assert": Not(Equals(Ref("MostContainers"), "1")),
                        "AssertDescription": "MostContainers is 0, or at least 2: a service of Production has two.",
                    }
                ]
            }
        },
        mappings={"Sizes": containers.SIZES},
        resources=(
            _cluster(),
            containers.execution_role(platform.processes),
            containers.vectors_access(platform),
            *told.told(platform),
            *(made for process in platform.processes for made in containers.containers(platform, process)),
            *(made for process in platform.services for made in _service(process)),
            *(made for process in platform.workers for made in _worker(process)),
        ),
        outputs=_outputs(platform),
    )


def _groups() -> tuple[Group, ...]:
    return (
        group(
            PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE, ARCHITECTURE, MOST, IMAGE, BEDROCK, ENGINE, TEXTRACT, ALIASES, PORTAL_URL
        ),
        group(OPERATION_GROUP, LOG_DAYS, LEVEL, FURTHER, SECRETS),
        group(
            NETWORK_GROUP,
            VPC,
            PRIVATE_SUBNETS,
            taken("network.ContainersGroupId", "Security group of containers", "AWS::EC2::SecurityGroup::Id"),
            functions.GROUP,
            taken("balancer.ListenerArn", "Listener of the load balancer"),
            taken("balancer.BalancerName", "Name of the load balancer in metrics"),
            taken("edge.ApiUrl", "URL of the API"),
        ),
        group(
            "Data",
            functions.TOPIC,
            taken("data.FilesBucket", "Bucket of files"),
            taken("data.FilesBucketArn", "ARN of the bucket of files"),
            taken("data.CacheUrl", "URL of the cache"),
            taken("data.CacheName", "Name of the cache"),
            taken("data.SigningKeysSecretArn", "Secret of the keys that sign"),
            taken("data.CollectionArn", "Collection of vectors"),
            taken("data.CollectionUrl", "URL of the collection"),
        ),
        group(
            "Identity",
            taken("identity.ApplicationsPoolId", "Pool of applications"),
            taken("identity.ApplicationsPoolArn", "ARN of the pool of applications"),
            taken("identity.ApplicationsDomain", "Domain of applications"),
            taken("identity.AdministratorsPoolId", "Pool of administrators"),
            taken("identity.AdministratorsDomain", "Domain of administrators"),
            taken("identity.AdministratorsClient", "The portal's client"),
        ),
        group(ENCRYPTION_GROUP, DATA_KEY, LOGS_KEY),
    )


def _cluster() -> Cluster:
    return Cluster(
        "Cluster",
        ClusterName=named(CLUSTER),
        ClusterSettings=[  # what alarms and dashboard show is free; these metrics of each container are not
            ClusterSetting(Name="containerInsights", Value=If("Production", "enabled", "disabled"))
        ],
        CapacityProviders=["FARGATE", "FARGATE_SPOT"],
        Tags=tags(CLUSTER),
        Metadata=accepted("CKV_AWS_65", "Production has them; in Small they would cost nearly as much as its containers"),
    )


def _outputs(platform: Platform) -> tuple[Output, ...]:
    return (
        Output("ClusterName", Ref("Cluster"), "The cluster.", shown=True),
        Output("OperationsTask", Ref("OperationsTask"), "The task in which operators run commands.", shown=True),
        *(
            Output(f"{logical(process.name)}ServiceName", GetAtt(f"{logical(process.name)}Service", "Name"), "A service.")
            for process in (*platform.services, *platform.workers)
        ),
        *(
            Output(
                f"{logical(process.name)}TargetsName",
                GetAtt(f"{logical(process.name)}Targets", "TargetGroupFullName"),
                "The targets of a service, in metrics.",
            )
            for process in platform.services
        ),
    )


def _service(process: Process) -> Iterator[AWSObject]:
    title = logical(process.name)
    yield from routes.routes(process)
    yield _running(
        process,
        "FARGATE",
        LoadBalancers=[
            LoadBalancer(ContainerName=process.name, ContainerPort=routes.PORT, TargetGroupArn=Ref(f"{title}Targets"))
        ],
        HealthCheckGracePeriodSeconds=120,
        DependsOn=[f"{title}Rule1"],  # without a rule its targets belong to no load balancer
    )
    yield scaling.target(process, "service")
    yield from scaling.by_load(process)


def _worker(process: Process) -> Iterator[AWSObject]:
    yield _running(process, If("Production", "FARGATE", "FARGATE_SPOT"))
    yield scaling.target(process, "worker")
    yield from scaling.by_queue(process)


def _running(process: Process, provider: object, **more: object) -> Service:
    title = logical(process.name)
    return Service(
        f"{title}Service",
        ServiceName=named(process.name),
        Cluster=Ref("Cluster"),
        TaskDefinition=Ref(f"{title}Task"),
        CapacityProviderStrategy=[CapacityProviderStrategyItem(CapacityProvider=provider, Weight=1)],
        ForceNewDeployment=ForceNewDeployment(EnableForceNewDeployment=True),  # else ECS refuses another CostProfile's provider
        NetworkConfiguration=NetworkConfiguration(
            AwsvpcConfiguration=AwsvpcConfiguration(
                AssignPublicIp="DISABLED", Subnets=Ref("PrivateSubnets"), SecurityGroups=[Ref("ContainersGroupId")]
            )
        ),
        DeploymentConfiguration=DeploymentConfiguration(
            MinimumHealthyPercent=100,
            MaximumPercent=200,
            DeploymentCircuitBreaker=DeploymentCircuitBreaker(Enable=True, Rollback=True),
        ),
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
        Tags=tags(process.name),
        **more,
    )
