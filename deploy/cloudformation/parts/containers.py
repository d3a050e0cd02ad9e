"""Containers: one image, and for each process what it serves, what it may do, and what it is told."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from troposphere import AWSHelperFn, AWSObject, FindInMap, GetAtt, If, Ref, Select, Split, Sub
from troposphere.ecs import (
    ContainerDefinition,
    EnvironmentFile,
    HealthCheck,
    KernelCapabilities,
    LinuxParameters,
    LogConfiguration,
    MountPoint,
    PortMapping,
    RuntimePlatform,
    Secret,
    TaskDefinition,
    Volume,
)
from troposphere.iam import Role
from troposphere.opensearchserverless import AccessPolicy

from deploy.cloudformation.common import log_group, named, tags
from deploy.cloudformation.frame import logical
from deploy.cloudformation.grants import grants, statements
from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.parts.role import role
from deploy.cloudformation.parts.routes import PORT
from deploy.cloudformation.stacks.balancer import IDLE_SECONDS

COMMANDS: Final[Mapping[str, list[str]]] = {
    "service": ["python", "manage.py", "web"],
    "worker": ["python", "manage.py", "worker"],
    "operations": ["python", "manage.py", "help"],
}
SIZES: Final[Mapping[str, Mapping[str, str | int]]] = {
    "Small": {"serviceCpu": "256", "serviceMemory": 512, "workerCpu": "512", "workerMemory": 1024},
    "Production": {"serviceCpu": "1024", "serviceMemory": 2048, "workerCpu": "1024", "workerMemory": 2048},
}
SETTINGS: Final[Mapping[str, Any]] = {
    "PLATFORM": "aws",
    "AWS_REGION": Ref("AWS::Region"),
    "DEPLOYMENT": Ref("Deployment"),
    "HOST": "0.0.0.0",  # noqa: S104 (inside the container; its security group says who comes in)
    "PORT": str(PORT),
    "KEEP_ALIVE": str(IDLE_SECONDS + 20),
    "FOUNDATION_HOME": "/data",
    "FILES_BUCKET": Ref("FilesBucket"),
    "APPLICATIONS_POOL": Ref("ApplicationsPoolId"),
    "APPLICATIONS_DOMAIN": Ref("ApplicationsDomain"),
    "ADMINISTRATORS_POOL": Ref("AdministratorsPoolId"),
    "ADMINISTRATORS_DOMAIN": Ref("AdministratorsDomain"),
    "ADMINISTRATORS_CLIENT": Ref("AdministratorsClient"),
    "OPENSEARCH_URL": Ref("CollectionUrl"),
    "PUBLIC_URL": Ref("PortalUrl"),
    "API_URL": Ref("ApiUrl"),
    "BEDROCK_REGION": If("OwnBedrockRegion", Ref("BedrockRegion"), Ref("AWS::Region")),
    "LOG_LEVEL": Ref("LogLevel"),
    "MODEL_ALIASES": Ref("ModelAliases"),
    "EXTRACTION_ENGINE": If("LocalEngine", "local", "textract"),
    "TEXTRACT_JOBS": Ref("TextractJobs"),
    "FURTHER_SETTINGS": Ref("FurtherSettings"),
    "REDIS_URL": Ref("CacheUrl"),
    "REDIS_CACHE": Ref("CacheName"),
    "SECRETS_KEY": Ref("DataKeyArn"),
}
TOLD: Final = "settings"  # the folder of settings; no manifest declares it, so no process reads or writes in it
SECRETS: Final[Mapping[str, Any]] = {
    "SECRET_KEY": Sub("${SigningKeysSecretArn}:SECRET_KEY::"),
    "SECRET_KEY_FALLBACKS": Sub("${SigningKeysSecretArn}:SECRET_KEY_FALLBACKS::"),
}
FURTHER: Final = Secret(Name="FURTHER_SECRETS", ValueFrom=Ref("FurtherSecretsArn"))
ANSWERS: Final = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/service/health', timeout=8)"
ALIVE: Final[Mapping[str, list[str]]] = {
    "service": ["CMD", "python", "-c", ANSWERS],
    "worker": ["CMD", "python", "manage.py", "alive"],
}
WRITABLE: Final = {"data": "/data", "temporary": "/tmp"}  # noqa: S108 (volumes of the container; all else is read-only)
ECS: Final = "ecs-tasks"
INDEXES: Final = ("CreateIndex", "DeleteIndex", "DescribeIndex", "ReadDocument", "WriteDocument")


def kind(process: Process) -> str:
    """service, worker or operations."""
    return "operations" if process.capability is None else "worker" if process.queue else "service"


def containers(platform: Platform, process: Process) -> Iterator[AWSObject]:
    """The log group, the role and the task definition of a process."""
    title = logical(process.name)
    yield log_group(f"{title}Logs", f"/${{Deployment}}/{process.name}")
    yield role(f"{title}Role", process.name, ECS, statements(grants(platform, process)))
    size = "service" if kind(process) == "service" else "worker"
    yield TaskDefinition(
        f"{title}Task",
        Family=named(process.name),
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        RuntimePlatform=RuntimePlatform(CpuArchitecture=Ref("Architecture"), OperatingSystemFamily="LINUX"),
        Cpu=FindInMap("Sizes", Ref("CostProfile"), f"{size}Cpu"),
        Memory=FindInMap("Sizes", Ref("CostProfile"), f"{size}Memory"),
        TaskRoleArn=GetAtt(f"{title}Role", "Arn"),
        ExecutionRoleArn=GetAtt("ExecutionRole", "Arn"),
        Volumes=[Volume(Name=name) for name in WRITABLE],
        ContainerDefinitions=[_container(process, title, FindInMap("Sizes", Ref("CostProfile"), f"{size}Memory"))],
        Tags=tags(process.name),
    )


def _container(process: Process, title: str, memory: AWSHelperFn) -> ContainerDefinition:
    what = kind(process)
    known: dict[str, Any] = {}
    if what == "service":
        known["PortMappings"] = [PortMapping(ContainerPort=PORT, Protocol="tcp")]
    if what in ALIVE:
        known["HealthCheck"] = HealthCheck(Command=ALIVE[what], Interval=60, Timeout=15, Retries=3, StartPeriod=60)
    return ContainerDefinition(
        Name=process.name,
        Image=Ref("ImageUri"),
        Command=[*COMMANDS[what], *(["--queue", process.queue.name] if process.queue else [])],
        Essential=True,
        Memory=memory,
        User="10001",
        ReadonlyRootFilesystem=True,
        LinuxParameters=LinuxParameters(Capabilities=KernelCapabilities(Drop=["ALL"]), InitProcessEnabled=True),
        MountPoints=[MountPoint(SourceVolume=name, ContainerPath=path, ReadOnly=False) for name, path in WRITABLE.items()],
        StopTimeout=120,
        EnvironmentFiles=[EnvironmentFile(Type="s3", Value=Sub(f"${{FilesBucketArn}}/${{Told.Folder}}/{process.name}.env"))],
        Secrets=[*(Secret(Name=name, ValueFrom=place) for name, place in SECRETS.items()), where_given(FURTHER)],
        LogConfiguration=LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref(f"{title}Logs"),
                "awslogs-region": Ref("AWS::Region"),
                "awslogs-stream-prefix": what,
            },
        ),
        **known,
    )


def where_given(what: Any) -> If:
    """What exists only where the operator has named a secret of further settings."""
    return If("FurtherSecrets", what, Ref("AWS::NoValue"))


def execution_role(processes: tuple[Process, ...]) -> Role:
    """What ECS itself does before a container starts: fetch the image, read its settings and secrets, open its log.

    The image's repository is what stands in its URI between the registry and the tag or digest.
    """
    secrets = [Ref("SigningKeysSecretArn"), where_given(Ref("FurtherSecretsArn"))]
    name = Select(0, Split(":", Select(0, Split("@", Select(1, Split(".amazonaws.com/", Ref("ImageUri")))))))
    repository = Sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${Name}", Name=name)
    return role(
        "ExecutionRole",
        "execution",
        ECS,
        [
            _allow(["ecr:GetAuthorizationToken"], ["*"]),  # it has no narrower resource
            _allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [repository]),
            _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [GetAtt(f"{logical(p.name)}Logs", "Arn") for p in processes]),
            _allow(["s3:GetObject"], [Sub(f"${{FilesBucketArn}}/{TOLD}/*")]),
            _allow(["s3:GetBucketLocation"], [Ref("FilesBucketArn")]),
            _allow(["secretsmanager:GetSecretValue"], secrets),
            _allow(["kms:Decrypt"], [Ref("DataKeyArn")]),
        ],
    )


def vectors_access(platform: Platform) -> AccessPolicy:
    """Who may read and write the collection of vectors: the roles whose manifests have OpenSearch's action."""
    roles = [
        f"${{{logical(process.name)}Role.Arn}}"
        for process in platform.processes
        if any(grant.action == "aoss:APIAccessAll" for grant in grants(platform, process))
    ]
    rule = {
        "ResourceType": "index",
        "Resource": ["index/${Deployment}-vectors/*"],
        "Permission": [f"aoss:{verb}" for verb in INDEXES],
    }
    return AccessPolicy(
        "VectorsAccess",
        Name=named("vectors"),
        Type="data",
        Policy=Sub(json.dumps([{"Rules": [rule], "Principal": roles}], sort_keys=True)),
    )


def _allow(actions: list[str], resources: list[Any]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}
