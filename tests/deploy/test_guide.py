"""docs/deploy.md and docs/security.md against the templates: what they name exists, and what has to be named is."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from django.core.management import load_command_class

from apps.invocation.catalogue import shipped
from deploy.cloudformation import guide, needs, pages
from deploy.cloudformation.frame import logical
from deploy.cloudformation.generate import FOLDER
from tests.deploy.reading import NESTED, PLATFORM, SINGLE, resources, template

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
GUIDE = (DOCS / "deploy.md").read_text()
ROOT = template("foundation.json")
NUMBERS = {12: "twelve", 13: "thirteen", 14: "fourteen"}
OF_OTHERS = {"Dockerfile", "LimitExceeded", "UnreservedConcurrentExecution"}


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to a page's titles."""
    titles = re.findall("^#+ (.+)$", page, re.MULTILINE)
    return {re.sub("[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_parameter_and_output_of_the_root_is_explained_once() -> None:
    rows = re.findall(r"^\| .*\| `(\w+)` \| .+ \| .+ \|$", GUIDE, re.MULTILINE)
    assert sorted(rows) == sorted(ROOT["Parameters"])
    assert sorted(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", guide.outputs(), re.MULTILINE)) == sorted(ROOT["Outputs"])
    assert guide.outputs() in GUIDE


def test_the_questions_that_have_to_be_answered_are_named_as_such() -> None:
    needed = {name for name, asked in ROOT["Parameters"].items() if "Default" not in asked}
    (sentence,) = re.findall(r"have no default: (.+?)\.", GUIDE)
    assert set(re.findall(r"`(\w+)`", sentence)) == needed


def test_names_in_the_text_are_of_parameters_outputs_or_resources() -> None:
    every = [ROOT, *map(template, SINGLE)]
    known = {name for each in every for name in (*each["Parameters"], *each.get("Outputs", {}))}
    answers = {each for asked in ROOT["Parameters"].values() for each in asked.get("AllowedValues", [])}
    groups = {*resources("network.json", "AWS::EC2::SecurityGroup")}  # AWS makes their names of these
    said = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)`", GUIDE))
    assert said - {*known, *answers, *groups} == OF_OTHERS


def test_the_numbers_of_files_and_stacks_are_those_of_the_release() -> None:
    files = len([*FOLDER.glob("*.json")])
    assert set(re.findall(r"(\d+) (?:JSON files|files|templates)", GUIDE)) == {str(files)}
    assert f"the root and {NUMBERS[len(ROOT['Resources'])]} nested stacks" in " ".join(GUIDE.split())


@pytest.mark.parametrize("profile", ["Small", "Production"])
def test_what_the_guide_says_of_quotas_is_counted_in_the_templates(profile: str) -> None:
    wanted = {need.what: f"{need.amount:g}" for need in needs.needs(profile)}
    row = [
        wanted[each]
        for each in (
            *("vCPU of Fargate", "vCPU of Fargate Spot", "VPCs of the region", "elastic IP addresses"),
            *("functions that run at once", "builds that run at once"),
        )
    ]
    assert f"| {profile} | {' | '.join(row)} |" in GUIDE


def test_what_does_not_go_together_is_said() -> None:
    told = " ".join(GUIDE.split())
    said = [each["AssertDescription"] for rule in ROOT["Rules"].values() for each in rule["Assertions"]]
    assert said and [each for each in said if each not in told] == []


@pytest.mark.parametrize("file", NESTED)
def test_what_a_stack_alone_has_to_be_told_is_the_output_that_its_question_names(file: str) -> None:
    for name, asked in template(file)["Parameters"].items():
        if "Default" in asked or name in ROOT["Parameters"]:
            continue
        found = re.search(r"utput (\w+) of the stack `([a-z-]+)`", asked["Description"])
        assert found and found[1] == name and name in template(f"{found[2]}.json")["Outputs"], name


def test_the_example_of_names_that_another_model_answers_is_one_of_the_catalogue() -> None:
    help_of = ROOT["Parameters"]["ModelAliases"]["Description"]
    (example,) = re.findall(r"example (\S+);", help_of)
    (kind, pattern, target) = re.split("[:=]", example)
    names = {model.name for model in shipped() if model.kind == kind}
    assert target in names
    assert any(fnmatchcase(name, pattern) for name in names - {target}), "a pattern covers names of the catalogue"


def test_the_guide_says_which_settings_further_settings_cannot_take() -> None:
    (paragraph,) = re.findall(r"\*\*Any other setting\.\*\*(.+?)\n\n", GUIDE, re.DOTALL)
    ours, _, rest = paragraph.partition("Not what containers are told anyway")
    theirs, _, more = rest.partition(")")
    tasks = resources("services.json", "AWS::ECS::TaskDefinition").values()
    secrets = {each["Name"] for task in tasks for each in task["ContainerDefinitions"][0]["Secrets"] if "Name" in each}
    (files,) = resources("services.json", "AWS::CloudFormation::CustomResource").values()
    told = {*files["All"], *(name for own in files["Each"].values() for name in own), *secrets}
    assert {*re.findall("[A-Z]+_[A-Z_]+", theirs)} <= told
    free = {*re.findall("[A-Z]+_[A-Z_]+", ours + more)}
    assert free and free & told == set()


def test_what_the_guide_asks_of_deploy_check_it_knows() -> None:
    usage = load_command_class("foundation", "deploy-check").create_parser("manage.py", "deploy-check").format_usage()
    commands = [line for line in GUIDE.splitlines() if "manage.py deploy-check" in line]
    said = {flag for line in commands for flag in re.findall(r" (--[a-z]+)", line)}
    assert {"--before", "--after"} < said and said <= {*re.findall("--[a-z]+", usage)}


def test_the_attribute_of_ttl_that_a_restored_table_needs_again_is_that_of_every_table() -> None:
    (said,) = re.findall(r"TTL again \(its attribute is `(\w+)`\)", GUIDE)
    tables = resources("data.json", "AWS::DynamoDB::Table").values()
    assert {each["TimeToLiveSpecification"]["AttributeName"] for each in tables} == {said}


def test_what_resists_its_deletion_is_said_where_a_first_creation_fails() -> None:
    (said,) = re.findall(r"but for (.+?), which have a deletion protection", " ".join(GUIDE.split()))
    words = {
        "DeletionProtectionEnabled": "tables",
        "DeletionProtection": "pools",
        "deletion_protection.enabled": "load balancer",
    }
    made = " ".join(path.read_text() for path in FOLDER.glob("*.json"))
    assert {*re.findall(r'"((?i:deletion_?protection)[\w.]*)"', made)} == {*words}
    assert all(word in said for word in words.values())


def test_names_in_the_guide_are_those_of_the_templates() -> None:
    made = " ".join(path.read_text() for path in FOLDER.glob("*.json"))
    named = set(re.findall(r"`<deployment>-([a-z-]+)`", GUIDE))
    assert named and {name for name in named if f"${{Deployment}}-{name}" not in made} == set()


def test_each_threat_names_tests_that_exist() -> None:
    page = (DOCS / "security.md").read_text()
    written = {name for path in TESTS.rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    (threats,) = re.findall(r"^## Threats\n(.+?)^## ", page, re.MULTILINE | re.DOTALL)
    rows = [row for row in threats.splitlines() if row.startswith("| ")][1:]
    assert all("`test_" in row for row in rows if not row.startswith("|---"))
    assert set(re.findall(r"`(test_\w+)`", page)) - written == set()


def test_every_role_of_the_templates_is_explained() -> None:
    page = (DOCS / "security.md").read_text()
    folded = set(re.findall(r"<summary>([\w-]+): \d+ grants", page))
    assert folded == {process.name for process in PLATFORM.processes}
    made = {name for path in FOLDER.glob("*.json") for name in roles_of(path.name)}
    assert made - {f"{logical(name)}Role" for name in folded} == set(re.findall(r"^\| `(\w+Role)` \|", page, re.MULTILINE))


def roles_of(file: str) -> set[str]:
    """The logical ids of a template's roles."""
    found = template(file).get("Resources", {})
    return {name for name, made in found.items() if made["Type"] == "AWS::IAM::Role"}


@pytest.mark.parametrize("name", ["deploy.md", "security.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = (DOCS / name).read_text()
    for place, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page):
        target = DOCS / place if place else DOCS / name
        assert target.exists(), place
        assert not anchor or anchor in anchors(target.read_text()), anchor


def test_a_page_without_one_of_its_sections_is_refused() -> None:
    with pytest.raises(ValueError, match="sections"):
        pages.filled("deploy.md", {"parameters": ""})
