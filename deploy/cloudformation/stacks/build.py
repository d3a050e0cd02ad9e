"""Build: where images are kept, and the platform's image, which is given or built from the release archive."""

import json
from collections.abc import Iterator
from typing import Any, Final

from troposphere import AWSObject, Equals, GetAtt, If, Ref, Sub
from troposphere.cloudformation import CustomResource
from troposphere.codebuild import Artifacts, CloudWatchLogs, Environment, EnvironmentVariable, LogsConfig, Project, Source
from troposphere.ecr import EncryptionConfiguration, ImageScanningConfiguration, LifecyclePolicy, Repository

from deploy.cloudformation.common import (
    ARCHITECTURE,
    COST_PROFILE,
    DATA_KEY,
    DEPLOYMENT,
    ENCRYPTION_GROUP,
    ENGINE,
    IMAGE_HINT,
    IMAGE_URI,
    KEPT,
    LOCAL_ENGINE,
    LOG_DAYS,
    LOGS_KEY,
    NETWORK_GROUP,
    OPERATION_GROUP,
    PLATFORM_GROUP,
    RELEASE_BUCKET,
    RELEASE_GROUP,
    group,
    log_group,
    named,
    tags,
)
from deploy.cloudformation.frame import Output, Parameter, Stack
from deploy.cloudformation.house import Platform
from deploy.cloudformation.parts import functions
from deploy.cloudformation.parts.own_id import own_id
from deploy.cloudformation.parts.role import role

MINUTES: Final = 13  # that a build may take: less than the function that waits for it runs
GIVEN: Final = Parameter(
    name="ExistingImageUri",
    label="Image that exists",
    help="URI of the platform's image in ECR in this account and region, with its tag or digest. Empty: it is built from the "
    "release.",
    default="",
    pattern=f"({IMAGE_URI})?",
    hint=f"{IMAGE_HINT}, or nothing",
)
KEY: Final = Parameter(
    name="ReleaseKey",
    label="Release archive",
    help="The path of the release archive in the bucket, a ZIP file with the Dockerfile at its top or in its one folder.",
    default="foundation/release.zip",
    pattern="[A-Za-z0-9._/-]+[.]zip",
    hint="a path that ends with .zip",
)
RELEASE: Final = Parameter(
    name="Release",
    label="Name of the release",
    help="The image's tag. Images are never overwritten: a new archive is built when it comes with a new name.",
    default="1.0.0",
    pattern="[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    hint="up to 100 letters, digits, dots, hyphens and underscores",
)
NEWEST: Final = 20  # images of releases
UNTAGGED_DAYS: Final = 14
LIFECYCLE: Final = (
    {
        "rulePriority": 1,
        "description": "What has no name goes",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    },
    {
        "rulePriority": 2,
        "description": "The newest releases stay",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": NEWEST},
        "action": {"type": "expire"},
    },
)
BUILDSPEC: Final = """version: 0.2
phases:
  pre_build:
    commands:
      - aws ecr get-login-password | docker login --username AWS --password-stdin "${REPOSITORY%%/*}"
  build:
    commands:
      - cd "$(dirname "$(find . -maxdepth 2 -name Dockerfile | LC_ALL=C sort | head -n 1)")"
      - >-
        docker build --pull --build-arg BASE=public.ecr.aws/docker/library/python:3.11-slim-bookworm
        --build-arg ENGINES="$ENGINES" --tag "$REPOSITORY:$TAG" .
      - docker push "$REPOSITORY:$TAG"
"""


def stack(platform: Platform) -> Stack:
    """The image of a deployment."""
    return Stack(
        name="build",
        title="Generative AI Foundation: the platform's image.",
        groups=(
            group(PLATFORM_GROUP, DEPLOYMENT, COST_PROFILE, ARCHITECTURE, ENGINE),
            group(RELEASE_GROUP, RELEASE_BUCKET, KEY, RELEASE, GIVEN),
            group(NETWORK_GROUP, *functions.NETWORK),
            group(OPERATION_GROUP, LOG_DAYS),
            group("Data", functions.TOPIC),
            group(ENCRYPTION_GROUP, DATA_KEY, LOGS_KEY),
        ),
        conditions={
            **functions.CONDITIONS,
            **LOCAL_ENGINE,
            "Builds": Equals(Ref("ExistingImageUri"), ""),
            "Arm": Equals(Ref("Architecture"), "ARM64"),
        },
        resources=(_repository(), *_project(), *_waits()),
        outputs=(
            own_id("build"),
            Output(
                "ImageUri",
                If("Builds", GetAtt("Image", "ImageUri"), Ref("ExistingImageUri")),
                "The image of all containers; one that was built here by its digest.",
                shown=True,
            ),
            Output("RepositoryUri", GetAtt("Repository", "RepositoryUri"), "Where images are kept.", shown=True),
        ),
    )


def _repository() -> Repository:
    return Repository(
        "Repository",
        RepositoryName=named("platform"),
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
        EncryptionConfiguration=EncryptionConfiguration(EncryptionType="KMS", KmsKey=Ref("DataKeyArn")),
        LifecyclePolicy=LifecyclePolicy(LifecyclePolicyText=json.dumps({"rules": LIFECYCLE}, sort_keys=True)),
        Tags=tags("platform"),
        EmptyOnDelete=True,  # the stack deletes it only where it could not be made in whole
        **KEPT,
    )


def _project() -> Iterator[AWSObject]:
    yield log_group("BuildLogs", "/${Deployment}/build", Condition="Builds")
    yield role("BuildRole", "build", "codebuild", list(_build_may()), Condition="Builds")
    yield Project(
        "Project",
        Name=named("image"),
        Description="Builds the platform's image from the release archive",
        ServiceRole=GetAtt("BuildRole", "Arn"),
        Source=Source(Type="S3", Location=Sub("${TemplatesBucket}/${ReleaseKey}"), BuildSpec=BUILDSPEC),
        Artifacts=Artifacts(Type="NO_ARTIFACTS"),
        Environment=Environment(
            Type=If("Arm", "ARM_CONTAINER", "LINUX_CONTAINER"),
            Image=If("Arm", "aws/codebuild/amazonlinux-aarch64-standard:3.0", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
            ComputeType="BUILD_GENERAL1_SMALL",
            PrivilegedMode=True,  # Docker needs it; the build runs in a machine of its own
            EnvironmentVariables=[
                EnvironmentVariable(Name="REPOSITORY", Value=GetAtt("Repository", "RepositoryUri")),
                EnvironmentVariable(Name="ENGINES", Value=If("LocalEngine", "embedded", "")),  # which packages more
            ],
        ),
        EncryptionKey=Ref("DataKeyArn"),
        LogsConfig=LogsConfig(CloudWatchLogs=CloudWatchLogs(Status="ENABLED", GroupName=Ref("BuildLogs"))),
        TimeoutInMinutes=MINUTES,
        QueuedTimeoutInMinutes=MINUTES,
        ConcurrentBuildLimit=1,
        Tags=tags("image"),
        Condition="Builds",
    )


def _build_may() -> Iterator[dict[str, Any]]:
    release = "arn:${AWS::Partition}:s3:::${TemplatesBucket}"
    for actions, resource in (
        (["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("BuildLogs", "Arn")),
        (["s3:GetObject", "s3:GetObjectVersion"], Sub(f"{release}/${{ReleaseKey}}")),
        (["s3:GetBucketLocation", "s3:ListBucket"], Sub(release)),
        (
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            GetAtt("Repository", "Arn"),
        ),
        (["ecr:GetAuthorizationToken"], "*"),  # it has no narrower resource
        (["kms:Decrypt", "kms:GenerateDataKey"], Ref("DataKeyArn")),
    ):
        yield {"Effect": "Allow", "Action": actions, "Resource": resource}


def _waits() -> Iterator[AWSObject]:
    """What starts the build while the stack is made, and waits for its end."""
    builds = ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject", "codebuild:StartBuild", "codebuild:StopBuild"]
    may = [
        {"Effect": "Allow", "Action": builds, "Resource": GetAtt("Project", "Arn")},
        {"Effect": "Allow", "Action": ["ecr:DescribeImages"], "Resource": GetAtt("Repository", "Arn")},
    ]
    yield from functions.function("Waits", "image", "image.py", may, Condition="Builds")
    yield CustomResource(
        "Image",
        ServiceToken=GetAtt("WaitsFunction", "Arn"),
        ServiceTimeout=functions.PATIENCE,
        Project=Ref("Project"),
        Repository=Ref("Repository"),
        RepositoryUri=GetAtt("Repository", "RepositoryUri"),
        Tag=Sub("${Release}-${Architecture}-${ExtractionEngine}"),
        Logs=Ref("BuildLogs"),
        Release=Sub("${TemplatesBucket}/${ReleaseKey}"),
        Condition="Builds",
    )
