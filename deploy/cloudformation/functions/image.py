"""Has CodeBuild build the platform's image, and waits for it, as a custom resource; what is there is not built again."""

import time

import boto3
import cfnresponse

PAUSE = 5  # seconds between two looks at a build
MOST = 500  # letters of a reason, as an answer may not be long
MARGIN = 45_000  # milliseconds that are left to stop a build and to answer


def handler(event, context):
    """One request of CloudFormation: the attribute ImageUri names the image by its digest."""
    asked = event["ResourceProperties"]
    name = f"{asked['Project']}-image"
    try:
        told = stopped(asked) if event["RequestType"] == "Delete" else {"ImageUri": uri(asked, context)}
        cfnresponse.send(event, context, cfnresponse.SUCCESS, told, name)
    except Exception as wrong:
        print(f"{name}: {wrong}")
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, name, reason=str(wrong)[:MOST])


def uri(asked, context):
    """The image of the release, built first where there is none."""
    digest = found(asked)
    if not digest:
        build(asked, context)
        digest = found(asked)
    if not digest:
        raise RuntimeError(f"the build ended well, but the repository {asked['Repository']} has no image {asked['Tag']}")
    return f"{asked['RepositoryUri']}@{digest}"


def found(asked):
    """The digest of the image with the tag, or None."""
    images = boto3.client("ecr")
    try:
        (image,) = images.describe_images(repositoryName=asked["Repository"], imageIds=[{"imageTag": asked["Tag"]}])[
            "imageDetails"
        ]
    except images.exceptions.ImageNotFoundException:
        return None
    return image["imageDigest"]


def build(asked, context):
    """A build from its start to its good end; one that is not done when the function's time is is stopped."""
    builds = boto3.client("codebuild")
    tag = [{"name": "TAG", "value": asked["Tag"], "type": "PLAINTEXT"}]
    started = builds.start_build(projectName=asked["Project"], environmentVariablesOverride=tag)["build"]["id"]
    while (status := builds.batch_get_builds(ids=[started])["builds"][0]["buildStatus"]) == "IN_PROGRESS":
        if context.get_remaining_time_in_millis() < MARGIN:
            builds.stop_build(id=started)
            raise RuntimeError(f"the build {started} was stopped: it took too long")
        time.sleep(PAUSE)
    if status != "SUCCEEDED":
        raise RuntimeError(f"the build {started} ended with {status}; its log is in the group {asked['Logs']}")


def stopped(asked):
    """Nothing; no build of the project goes on when the stack goes. Images stay."""
    builds = boto3.client("codebuild")
    ids = builds.list_builds_for_project(projectName=asked["Project"])["ids"][:10]
    for each in builds.batch_get_builds(ids=ids)["builds"] if ids else []:
        if each["buildStatus"] == "IN_PROGRESS":
            builds.stop_build(id=each["id"])
    return {}
