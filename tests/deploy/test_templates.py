"""The templates: the same bytes always, what the code would write, inside CloudFormation's own limits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cloudformation.frame import Group, Output, Parameter, Stack, logical
from deploy.cloudformation.generate import FOLDER
from deploy.cloudformation.policy import HOLDS_DATA
from deploy.cloudformation.root import root
from tests.deploy.reading import ROOT, SINGLE, TEXTS, template
from tests.running import ROOT as PROJECT
from tests.servers.registries import python_program
from tests.servers.starting import needed

KEPT = "RetainExceptOnCreate"
STAYS = dict.fromkeys(("AWS::DynamoDB::Table", "AWS::Cognito::UserPool"), "Retain")  # deletion protection stops the way back
GOES = {("data.json", "Cache"), ("front-waf.json", "LogsKey")}  # counters of the running minute; a log that goes as well
INLINE, LARGEST, RESOURCES, PARAMETERS, OUTPUTS = 51_200, 1_000_000, 500, 200, 200  # CloudFormation's limits
PRINTED = (
    "import django; django.setup(); from deploy.cloudformation import generate, house; import hashlib, json;"
    "print(hashlib.sha256(json.dumps(list(generate.templates(house.platform()).items())).encode()).hexdigest())"
)


def generated(python: str, seed: str, home: Path) -> str:
    """A digest of all files as another process makes them."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": f"{PROJECT}/platform:{PROJECT}",
        "FOUNDATION_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "foundation.configuration",
    }
    done = subprocess.run(
        [python, "-c", PRINTED], env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def another() -> str | None:
    """A newer Python of this machine, of its system or beside the one that runs; packages have wheels for these versions."""
    beside = Path(sys.base_prefix).parent
    places = ("/usr/bin", "/usr/local/bin", *(str(each) for each in sorted(beside.glob("*/bin"))))
    return next(filter(None, (shutil.which(f"python{newer}", path=":".join(places)) for newer in ("3.13", "3.12"))), None)


def test_what_is_committed_is_what_the_code_would_write() -> None:
    assert {file.name: file.read_text() for file in FOLDER.glob("*.json")} == dict(TEXTS)


def test_they_are_the_same_bytes_with_another_hash_seed(tmp_path: Path) -> None:
    assert generated(sys.executable, "1", tmp_path) == generated(sys.executable, "2", tmp_path)


def test_another_python_writes_the_same_bytes(tmp_path: Path) -> None:
    python = another()
    needed(bool(python), "this needs a second Python, 3.12 or 3.13, beside the one that runs")
    programs = python_program("another-python", PROJECT / "requirements.txt", str(python))
    assert generated(str(programs / "python"), "3", tmp_path) == generated(sys.executable, "3", tmp_path)


@pytest.mark.parametrize("file", [ROOT, *SINGLE])
def test_each_is_inside_the_limits_of_cloudformation(file: str) -> None:
    made = template(file)
    assert len(TEXTS[file].encode()) < (INLINE if file == ROOT else LARGEST)
    assert len(made["Resources"]) <= RESOURCES
    assert len(made.get("Parameters", {})) <= PARAMETERS
    assert len(made.get("Outputs", {})) <= OUTPUTS


@pytest.mark.parametrize("file", [ROOT, *SINGLE])
def test_the_console_shows_each_question_once_with_a_label_and_help(file: str) -> None:
    made = template(file)
    console = made["Metadata"]["AWS::CloudFormation::Interface"]
    shown = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(shown) == sorted(made["Parameters"]) == sorted(console["ParameterLabels"])
    assert all(given["Description"] for given in made["Parameters"].values())


@pytest.mark.parametrize("file", SINGLE)
def test_what_holds_data_stays_when_its_stack_goes(file: str) -> None:
    for name, made in template(file)["Resources"].items():
        if made["Type"] in HOLDS_DATA and (file, name) not in GOES and made["Type"] != "AWS::Cognito::UserPoolDomain":
            assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == (STAYS.get(made["Type"], KEPT), "Retain"), name


def test_what_would_hold_up_the_end_of_its_stack_goes_with_it() -> None:
    for file, name in GOES:
        assert template(file)["Resources"][name]["DeletionPolicy"] == "Delete"
    with_it = {"VectorsEncryption", "VectorsNetwork", "VectorsGroup"}  # AWS deletes none of them before the collection
    data = template("data.json")["Resources"]
    assert {name: data[name]["DeletionPolicy"] for name in with_it} == dict.fromkeys(with_it, KEPT)


def test_the_stack_policy_refuses_to_replace_or_delete_data() -> None:
    allow, deny = template("stack-policy.json")["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Action"] == ["Update:Replace", "Update:Delete"]
    assert "AWS::DynamoDB::Table" in deny["Condition"]["StringEquals"]["ResourceType"]


def test_a_question_of_two_stacks_in_different_words_is_refused() -> None:
    one, two = (
        Stack(name=name, title=name, groups=(Group("A", (Parameter(name="Same", label=name, help=name),)),)) for name in "ab"
    )
    with pytest.raises(ValueError, match="b asks for Same in other words"):
        root((one, two))


def test_the_root_asks_for_what_no_nested_stack_tells() -> None:
    taking = Parameter(name="Told", label="Told", help="Told", source="giver.Told")
    taker = Stack(name="taker", title="Taker", groups=(Group("A", (taking,)),))
    giver = Stack(name="giver", title="Giver", outputs=(Output("Told", "x", "x"),))
    assert [each.name for each in root((taker,)).parameters if each.name == "Told"] == ["Told"]
    assert not [each.name for each in root((giver, taker)).parameters if each.name == "Told"]


def test_the_root_asks_first_for_what_has_no_default() -> None:
    made = template(ROOT)
    groups = made["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    needed = {name for name, given in made["Parameters"].items() if "Default" not in given}
    assert needed == {"TemplatesBucket", "AdministratorEmail"}
    assert needed <= {*groups[0]["Parameters"], *groups[1]["Parameters"]}


def test_logical_ids_are_names() -> None:
    assert logical("table", "extraction_jobs") == "TableExtractionJobs"
    assert logical("endpoint", "ecr.api") == "EndpointEcrApi"
