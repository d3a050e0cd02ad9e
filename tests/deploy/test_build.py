"""The platform's image: built once for a release, named by its digest, and told with a reason where it cannot be."""

import itertools
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from boto3.session import Session

from deploy.cloudformation.parts.functions import LONGEST
from deploy.cloudformation.resolved import deployment, read, resolved
from deploy.cloudformation.stacks.build import MINUTES
from tests.deploy.functions import called
from tests.deploy.reading import holds, resources, template
from tests.running import ROOT
from tests.servers.moto import Moto

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []})
PROJECT, REPOSITORY, TAG = "d-image", "d-platform", "1.0.0-ARM64"


@pytest.fixture
def asked(moto: Moto) -> Iterator[dict[str, Any]]:
    """A project and an empty repository."""
    builds, images = moto.client("codebuild"), moto.client("ecr")
    builds.create_project(
        name=PROJECT,
        source={"type": "S3", "location": "bucket/release.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/build",
    )
    repository = images.create_repository(repositoryName=REPOSITORY)["repository"]["repositoryUri"]
    with moto.reached():
        yield {"Project": PROJECT, "Repository": REPOSITORY, "RepositoryUri": repository, "Tag": TAG, "Logs": "/d/build"}
    images.delete_repository(repositoryName=REPOSITORY, force=True)
    builds.delete_project(name=PROJECT)


def started(moto: Moto) -> list[str]:
    """The builds of the project."""
    ids: list[str] = moto.client("codebuild").list_builds_for_project(projectName=PROJECT)["ids"]
    return ids


def pushed(moto: Moto) -> str:
    """The digest of an image that a build would push."""
    image = moto.client("ecr").put_image(repositoryName=REPOSITORY, imageManifest=MANIFEST, imageTag=TAG)["image"]
    digest: str = image["imageId"]["imageDigest"]
    return digest


def test_an_image_that_is_there_is_named_by_its_digest_and_not_built_again(moto: Moto, asked: dict[str, Any]) -> None:
    digest = pushed(moto)
    answers = [called("image.py", request, asked) for request in ("Create", "Create", "Update")]
    assert [each.told for each in answers] == [{"ImageUri": f"{asked['RepositoryUri']}@{digest}"}] * 3
    assert {each.resource for each in answers} == {"d-image-image"}
    assert started(moto) == []


def test_an_image_that_is_not_there_is_built_and_waited_for(moto: Moto, asked: dict[str, Any]) -> None:
    session, digests = Session(), list[str]()
    session.events.register("after-call.codebuild.StartBuild", lambda **_: digests.append(pushed(moto)))
    answer = called("image.py", "Create", asked, session)
    assert answer.told == {"ImageUri": f"{asked['RepositoryUri']}@{digests[0]}"}
    assert len(started(moto)) == 1


def test_a_build_that_leaves_no_image_is_told(moto: Moto, asked: dict[str, Any]) -> None:
    refused = called("image.py", "Create", asked)
    assert (refused.status, len(started(moto))) == ("FAILED", 1)
    assert f"the repository {REPOSITORY} has no image {TAG}" in refused.reason


def test_what_cannot_be_started_is_told_with_its_reason(asked: dict[str, Any]) -> None:
    refused = called("image.py", "Create", {**asked, "Project": "nobody"})
    assert (refused.status, refused.resource) == ("FAILED", "nobody-image")
    assert "Project cannot be found" in refused.reason


def test_when_the_stack_goes_nothing_is_built_and_images_stay(moto: Moto, asked: dict[str, Any]) -> None:
    digest = pushed(moto)
    moto.client("codebuild").start_build(projectName=PROJECT)
    assert called("image.py", "Delete", asked).status == "SUCCESS"
    there = moto.client("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
    assert [each["imageDigest"] for each in there] == [digest]


def test_the_build_ends_before_the_function_that_waits_for_it() -> None:
    (project,) = resources("build.json", "AWS::CodeBuild::Project").values()
    (image,) = resources("build.json", "AWS::CloudFormation::CustomResource").values()
    assert MINUTES * 60 == project["TimeoutInMinutes"] * 60 < LONGEST < image["ServiceTimeout"]


@pytest.mark.parametrize("place", [".", "release-1.0.0"])
def test_the_release_is_found_at_the_top_of_its_archive_or_in_its_one_folder(place: str, tmp_path: Path) -> None:
    (project,) = resources("build.json", "AWS::CodeBuild::Project").values()
    phases = yaml.safe_load(project["Source"]["BuildSpec"])["phases"]
    for folder in (place, f"{place}/tests/image"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "Dockerfile").touch()
    done = subprocess.run(
        ["sh", "-c", f"{phases['build']['commands'][0]}; pwd"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == (tmp_path / place).resolve()


def test_the_build_takes_its_base_from_a_registry_without_limits_for_its_addresses() -> None:
    (project,) = resources("build.json", "AWS::CodeBuild::Project").values()
    told = re.search(r"--build-arg BASE=(\S+)", project["Source"]["BuildSpec"])
    default = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    assert told and default
    assert told[1] == f"public.ecr.aws/docker/library/{default[1]}"


@pytest.mark.parametrize(("engine", "more"), [("Textract", ""), ("Local", "embedded")])
def test_the_image_has_the_engine_that_its_containers_are_told_to_use(engine: str, more: str) -> None:
    stacks = deployment(ExtractionEngine=engine)
    (project,) = (each for each in stacks["build.json"]["Resources"].values() if each["Type"] == "AWS::CodeBuild::Project")
    told = {each["Name"]: each["Value"] for each in project["Properties"]["Environment"]["EnvironmentVariables"]}
    files = stacks["services.json"]["Resources"]["Told"]["Properties"]
    assert told["ENGINES"] == more
    assert files["All"]["EXTRACTION_ENGINE"] == engine.lower()
    (packages,) = re.findall(r"pip install (.+?)\n(?=\n|FROM)", (ROOT / "Dockerfile").read_text(), re.S)
    shell = ["sh", "-c", f"echo {packages}"]
    asked = subprocess.run(shell, env={"ENGINES": more}, capture_output=True, text=True, check=True).stdout.split()
    listed = [file.lstrip("/") for flag, file in itertools.pairwise(asked) if flag == "-r"]
    assert listed == ["requirements.txt", *([f"requirements-{more}.txt"] if more else [])]
    assert all(f"COPY {file} /" in (ROOT / "Dockerfile").read_text() and (ROOT / file).exists() for file in listed)


@pytest.mark.parametrize(
    ("given", "repository"),
    [(":1.0", "team/foundation"), ("@sha256:" + 64 * "0", "foundation-platform"), (":1@sha256:0", "x")],
)
def test_ecs_may_fetch_the_repository_of_the_deployments_image_and_no_other(given: str, repository: str) -> None:
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{repository}{given}"
    services = resolved(read("services.json"), {"ImageUri": image})
    assert fetched(services) == {f"arn:aws:ecr:us-east-1:123456789012:repository/{repository}"}


def fetched(services: Mapping[str, Any]) -> set[str]:
    """What the role may get layers from."""
    (policy,) = services["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    return {place for each in statements if "ecr:GetDownloadUrlForLayer" in each["Action"] for place in each["Resource"]}


@pytest.mark.parametrize(("given", "built"), [("", True), ("123456789012.dkr.ecr.us-west-2.amazonaws.com/x:1", False)])
def test_where_an_image_is_given_nothing_can_be_built(given: str, built: bool) -> None:
    made = template("build.json")["Resources"]
    kept = {
        name
        for name, each in made.items()
        if "Condition" not in each or holds("build.json", each["Condition"], {"ExistingImageUri": given})
    }
    assert (kept == {*made}) is built
    assert built or kept == {"Repository"}
