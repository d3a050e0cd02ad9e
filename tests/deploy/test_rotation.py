"""The keys that sign are rotated, and whoever has the former ones and whoever has the new ones believe each other."""

import json
import runpy
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import boto3
import pytest
from django.test import override_settings
from moto import mock_aws

from deploy.cloudformation.parts.functions import FOLDER
from foundation.errors import Invalid
from foundation.records import open_cursor, seal_cursor
from foundation.sessions import SessionStore
from tests.deploy.reading import PLATFORM, resources, said

REGION = "us-west-2"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FIRST = {"SECRET_KEY": "the first", "SECRET_KEY_FALLBACKS": ""}


@dataclass
class Rotation:
    """A secret as the template makes it, and what the function of the template makes of it."""

    secret: str
    handler: Any = field(default_factory=lambda: runpy.run_path(str(FOLDER / "rotation.py"))["handler"])

    def rotate(self, *steps: str) -> str:
        """The steps, as Secrets Manager asks for them: the version that was made."""
        version = str(uuid.uuid4())
        for step in steps or STEPS:
            self.handler({"Step": step, "SecretId": self.secret, "ClientRequestToken": version}, None)
        return version

    def keys(self, stage: str = "AWSCURRENT") -> dict[str, str]:
        """What is kept: of the current version what a container is given."""
        kept = boto3.client("secretsmanager").get_secret_value(SecretId=self.secret, VersionStage=stage)
        read: dict[str, str] = json.loads(kept["SecretString"])
        return read


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account of moto's, and the environment of the function in it."""
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "CLUSTER": "d-cluster",
        "SERVICES": "d-prompts d-portal",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture
def rotation(account: None) -> Rotation:
    made = boto3.client("secretsmanager").create_secret(Name="d-settings/signing-keys", SecretString=json.dumps(FIRST))
    return Rotation(made["ARN"])


def settings(keys: dict[str, str]) -> Any:
    """Django in a container that was given these keys."""
    return override_settings(SECRET_KEY=keys["SECRET_KEY"], SECRET_KEY_FALLBACKS=keys["SECRET_KEY_FALLBACKS"].split(","))


def test_the_first_time_the_key_stays_and_the_next_one_is_made_known(rotation: Rotation) -> None:
    rotation.rotate()
    assert rotation.keys()["SECRET_KEY"] == FIRST["SECRET_KEY"]
    assert len(rotation.keys()["SECRET_KEY_FALLBACKS"]) >= 50


def test_containers_before_and_after_a_rotation_accept_what_the_others_signed(rotation: Rotation) -> None:
    had = [rotation.keys()]
    for _ in range(4):
        rotation.rotate()
        had.append(rotation.keys())
    assert len({keys["SECRET_KEY"] for keys in had}) == 4  # the first time the key stays
    for former, new in pairwise(had):
        for one, other in ((former, new), (new, former)):
            with settings(one):
                cursor, session = seal_cursor("list", ["a"]), SessionStore().encode({"who": "an administrator"})
            with settings(other):
                assert open_cursor("list", cursor) == ["a"]
                assert SessionStore().decode(session) == {"who": "an administrator"}


def test_a_key_that_was_replaced_twice_signs_nothing_any_more(rotation: Rotation) -> None:
    with settings(rotation.keys()):
        cursor = seal_cursor("list", ["a"])
    for _ in range(3):
        rotation.rotate()
    with settings(rotation.keys()), pytest.raises(Invalid):
        open_cursor("list", cursor)


def test_a_step_that_is_repeated_changes_nothing(rotation: Rotation) -> None:
    rotation.rotate("createSecret", "createSecret", "setSecret", "testSecret")
    pending = rotation.keys("AWSPENDING")
    assert rotation.keys() == FIRST
    rotation.rotate()
    version = rotation.rotate(*STEPS, "finishSecret")
    assert rotation.keys() != pending
    stages = boto3.client("secretsmanager").describe_secret(SecretId=rotation.secret)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[version]


def test_keys_that_would_not_accept_each_other_do_not_become_current(rotation: Rotation) -> None:
    version = rotation.rotate("createSecret")
    wrong = json.dumps({"SECRET_KEY": "another", "SECRET_KEY_FALLBACKS": "the third"})
    boto3.client("secretsmanager").put_secret_value(
        SecretId=rotation.secret, ClientRequestToken=str(uuid.uuid4()), SecretString=wrong, VersionStages=["AWSPENDING"]
    )
    stages = boto3.client("secretsmanager").describe_secret(SecretId=rotation.secret)["VersionIdsToStages"]
    (pending,) = (each for each, names in stages.items() if "AWSPENDING" in names)
    assert pending != version
    with pytest.raises(ValueError, match="do not accept each other"):
        rotation.handler({"Step": "testSecret", "SecretId": rotation.secret, "ClientRequestToken": pending}, None)
    assert rotation.keys() == FIRST


def test_running_containers_are_replaced_and_what_is_not_there_yet_is_passed_over(rotation: Rotation) -> None:
    ecs = boto3.client("ecs")
    rotation.rotate()  # before there is a cluster
    ecs.create_cluster(clusterName="d-cluster")
    task = {"family": "d-portal", "containerDefinitions": [{"name": "x", "image": "x", "memory": 64}]}
    ecs.register_task_definition(**task)
    ecs.create_service(cluster="d-cluster", serviceName="d-portal", taskDefinition="d-portal", desiredCount=1)
    asked: list[Any] = []
    boto3.DEFAULT_SESSION.events.register("before-parameter-build.ecs.UpdateService", lambda params, **_: asked.append(params))
    rotation.rotate()
    assert asked == [
        {"cluster": "d-cluster", "service": service, "forceNewDeployment": True} for service in ("d-prompts", "d-portal")
    ]


def test_every_secret_of_the_templates_is_rotated_by_a_function_that_may_restart_what_runs_and_nothing_else() -> None:
    (secret,) = resources("data.json", "AWS::SecretsManager::Secret")
    (schedule,) = resources("data.json", "AWS::SecretsManager::RotationSchedule").values()
    assert schedule["SecretId"] == {"Ref": secret}
    (function,) = resources("data.json", "AWS::Lambda::Function").values()
    assert schedule["RotationLambdaARN"]["Fn::GetAtt"][0] == "RotationFunction"
    told = function["Environment"]["Variables"]
    names = [said(each) for each in told["SERVICES"]["Fn::Join"][1]]
    running = {said(each["ServiceName"]) for each in resources("services.json", "AWS::ECS::Service").values()}
    assert {*names} == running == {f"d-{process.name}" for process in (*PLATFORM.services, *PLATFORM.workers)}
    (cluster,) = resources("services.json", "AWS::ECS::Cluster").values()
    assert said(told["CLUSTER"]) == said(cluster["ClusterName"])
    (policy,) = resources("data.json", "AWS::IAM::Role")["RotationRole"]["Policies"]
    (updates,) = (each for each in policy["PolicyDocument"]["Statement"] if "ecs:UpdateService" in each["Action"])
    assert [said(each).rpartition(":")[2] for each in updates["Resource"]] == [
        f"service/{said(told['CLUSTER'])}/{name}" for name in names
    ]
