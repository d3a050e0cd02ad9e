"""What processes are told is in files that follow from it, so that a task's revision has its own settings for ever."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from boto3.session import Session
from moto import mock_aws

from tests.deploy.functions import Answer, called
from tests.deploy.reading import PLATFORM, resources, said

ALL = {"LOG_LEVEL": "WARNING", "MODEL_ALIASES": "", "FURTHER_SETTINGS": "OPENAI_MODELS=llama=text:llama3.2;USAGE_DAYS=90"}
EACH = {"prompts": {"SERVE": "prompts"}, "operations": {"SERVE": "all"}}


@pytest.fixture
def files() -> Iterator[Any]:
    """S3, with the bucket of files."""
    with mock_aws():
        s3 = Session("x", "x", region_name="us-east-1").client("s3")
        s3.create_bucket(Bucket="files")
        yield s3


@pytest.fixture
def told(files: Any) -> Callable[..., Answer]:
    """The answer of the function to a request, with some settings changed."""

    def answer(request: str = "Create", **changed: str) -> Answer:
        asked = {"Bucket": "files", "Folder": "settings", "All": {**ALL, **changed}, "Each": EACH}
        return called("settings.py", request, asked, Session("x", "x", region_name="us-east-1"))

    return answer


def kept(s3: Any) -> dict[str, str]:
    """All files of the bucket."""
    names = [each["Key"] for each in s3.list_objects_v2(Bucket="files").get("Contents", ())]
    return {name: s3.get_object(Bucket="files", Key=name)["Body"].read().decode() for name in names}


def test_each_process_has_a_file_with_all_that_it_is_told_and_nothing_that_is_empty(
    told: Callable[..., Answer], files: Any
) -> None:
    folder = told().told["Folder"]
    assert {*kept(files)} == {f"{folder}/prompts.env", f"{folder}/operations.env"}
    assert kept(files)[f"{folder}/prompts.env"].splitlines() == [
        "FURTHER_SETTINGS=OPENAI_MODELS=llama=text:llama3.2;USAGE_DAYS=90",
        "LOG_LEVEL=WARNING",
        "SERVE=prompts",
    ]


def test_a_changed_setting_makes_another_folder_and_the_former_one_stays_as_it_is(
    told: Callable[..., Answer], files: Any
) -> None:
    former, before = told(), kept(files)
    new = told("Update", LOG_LEVEL="DEBUG")
    assert new.resource == new.told["Folder"] != former.resource
    assert told("Delete").status == "SUCCESS"
    assert before.items() < kept(files).items()


def test_going_back_finds_the_former_folder_again(told: Callable[..., Answer], files: Any) -> None:
    former = told()
    told("Update", LOG_LEVEL="DEBUG")
    some = kept(files)
    assert told("Update") == former
    assert kept(files) == some


def test_a_value_of_two_lines_is_refused_and_named(told: Callable[..., Answer], files: Any) -> None:
    answer = told(MODEL_ALIASES="a=b\nSECRET_KEY=mine")
    assert (answer.status, answer.reason) == ("FAILED", "MODEL_ALIASES: a setting has one line")
    assert kept(files) == {}


def test_every_task_names_the_file_of_its_process_and_tells_nothing_itself() -> None:
    tasks = [task["ContainerDefinitions"][0] for task in resources("services.json", "AWS::ECS::TaskDefinition").values()]
    (made,) = resources("services.json", "AWS::CloudFormation::CustomResource").values()
    assert {*made["Each"]} == {task["Name"] for task in tasks} == {process.name for process in PLATFORM.processes}
    for task in tasks:
        (file,) = task["EnvironmentFiles"]
        assert file == {"Type": "s3", "Value": {"Fn::Sub": f"${{FilesBucketArn}}/${{Told.Folder}}/{task['Name']}.env"}}
        assert "Environment" not in task


def test_ecs_alone_reads_settings_and_no_process_has_a_right_to_their_folder() -> None:
    (made,) = resources("services.json", "AWS::CloudFormation::CustomResource").values()
    assert made["Folder"] not in {folder.name for folder in PLATFORM.folders}
    place = f"{'${FilesBucketArn}'}/{made['Folder']}/*"
    may = {
        (role, action)
        for role, properties in resources("services.json", "AWS::IAM::Role").items()
        for statement in properties["Policies"][0]["PolicyDocument"]["Statement"]
        for resource in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
        if said(resource) == place
        for action in statement["Action"]
    }
    assert may == {("ExecutionRole", "s3:GetObject"), ("SettingsRole", "s3:PutObject")}
