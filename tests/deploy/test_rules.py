"""What independent rule sets find in the templates: cfn-lint nothing, the others what docs/security.md has."""

import json
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.cloudformation.generate import FOLDER
from deploy.cloudformation.resolved import deployment
from tests.deploy.reading import TEXTS
from tests.running import ROOT
from tests.servers.registries import node_program, python_program, ran

RULES: Final = Path(__file__).parent / "rules"
REGIONS: Final = ("us-east-1", "us-west-2")
MOST: Final = 3
ARN: Final = "arn:aws:acm:us-east-1:123456789012:certificate/1"
DEPLOYMENTS: Final = {
    "trial": {"region": "us-west-2", "CostProfile": "Small"},
    "own domains": {
        "region": "us-east-1",
        "CostProfile": "Production",
        "ExistingImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/foundation:1",
        **{"PortalDomain": "portal.example.com", "ApiDomain": "api.example.com", "BalancerCertificateName": "x.example.com"},
        **dict.fromkeys(("PortalCertificateArn", "ApiCertificateArn", "BalancerCertificateArn"), ARN),
    },
}
NOT_IN: Final = {"trial": "²", "own domains": "¹"}  # how rows are marked that are findings in the other one alone
ROW: Final = re.compile(r"^\| (checkov|cfn-guard|cdk-nag) \| ([\w-]+) \| (.+?) \| (.+) \|$", re.M)
POOR: Final = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {"Open": {"Type": "AWS::SQS::Queue", "Properties": {"SqsManagedSseEnabled": False}}},
}
Findings = Mapping[str, set[str]]  # by rule: the logical ids of what it does not hold on


@pytest.fixture(scope="session", params=["trial", "own domains"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which answers an operator gave: those of DEPLOYMENTS."""
    given: str = request.param
    return given


@pytest.fixture(scope="session")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the nested templates as such a deployment has them, without what a tool is told to skip."""
    return written(deployment(**DEPLOYMENTS[kind]), tmp_path_factory.mktemp("templates"))


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    """A folder with a template in which each rule set has something to find."""
    return written({"poor.json": POOR}, tmp_path)


def written(templates: Mapping[str, Any], folder: Path) -> Path:
    """The folder, with these templates in it."""
    for name, template in templates.items():
        (folder / name).write_text(json.dumps(template))
    return folder


def listed(tool: str, kind: str = "trial") -> set[str]:
    """The rules of a tool that docs/security.md lists as not holding in such a deployment."""
    return {rule for rule, reason in reasons(tool) if not reason.startswith(NOT_IN[kind])}


def reasons(tool: str) -> Iterator[tuple[str, str]]:
    """Each rule of a tool that docs/security.md lists, and why it does not hold."""
    for name, rule, _, reason in ROW.findall((ROOT / "docs/security.md").read_text()):
        if name == tool:
            yield rule, reason


def cfn_lint(*files: Path) -> list[dict[str, Any]]:
    """What cfn-lint has to say, warnings and hints too."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--regions", *REGIONS, "--template"]
    found: list[dict[str, Any]] = json.loads(ran([*command, *map(str, files)], ROOT, accepted=range(0, 16, 2)))
    return found


def checkov(folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """The failed and the skipped checks."""
    program = python_program("checkov", RULES / "requirements-checkov.txt") / "checkov"
    options = ["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"]
    said = json.loads(ran([str(program), "--directory", str(folder), *options], ROOT, accepted=(0, 1)))
    assert said["summary"]["parsing_errors"] == 0
    results: Mapping[str, list[dict[str, Any]]] = said["results"]
    return results


def guard(folder: Path) -> set[str]:
    """The rules of Control Tower that do not hold."""
    pack = node_program("rules", RULES / "package-lock.json") / "node_modules/@cdklabs/cdk-validator-cfnguard"
    system = "macos" if platform.system() == "Darwin" else "ubuntu"  # as the package calls every Linux
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    command = [
        str(pack / "bin" / system / machine / "cfn-guard"),
        "validate",
        "--rules",
        str(pack / "rules/control-tower/cfn-guard"),
    ]
    options = ["--data", str(folder), "--output-format", "json", "--show-summary", "none", "--structured"]
    said = json.loads(ran([*command, *options], ROOT, accepted=(0, 19)))
    assert len(said) == len([*folder.glob("*.json")])
    return {broken["Rule"]["name"] for file in said for broken in file["not_compliant"]}


def nag(folder: Path) -> Findings:
    """The rules of cdk-nag's AwsSolutions that do not hold."""
    said: dict[str, set[str]] = defaultdict(set)
    home = node_program("rules", RULES / "package-lock.json")
    for finding in json.loads(ran(["node", "nag.mjs", str(folder)], home)):
        said[finding["rule"].partition("[")[0]].add(finding["resource"])
    return said


def skips(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each check that a template has checkov skip, with the reason beside it."""
    for made in template.get("Resources", {}).values():
        for skipped in made.get("Metadata", {}).get("checkov", {}).get("skip", []):
            yield skipped["id"], skipped["comment"]


def test_cfn_lint_finds_nothing_in_either_region() -> None:
    assert cfn_lint(*(FOLDER / name for name, text in TEXTS.items() if "Resources" in json.loads(text))) == []


def test_checkov_fails_nothing_and_skips_what_is_listed_each_with_its_reason() -> None:
    said = checkov(FOLDER)
    assert said["failed_checks"] == []
    skipped = [(each["check_id"], each["resource"].rpartition(".")[2]) for each in said["skipped_checks"]]
    assert {rule for rule, _ in skipped} <= listed("checkov")
    beside = [pair for text in TEXTS.values() for pair in skips(json.loads(text))]
    assert len(beside) == len(skipped)
    assert all(reason for _, reason in beside)


def test_checkovs_rules_hold_but_for_what_is_listed(kind: str, folder: Path) -> None:
    assert {each["check_id"] for each in checkov(folder)["failed_checks"]} == listed("checkov", kind)
    assert len(listed("checkov", "own domains")) <= MOST


def test_control_towers_rules_hold_but_for_what_is_listed(kind: str, folder: Path) -> None:
    assert guard(folder) == listed("cfn-guard", kind)
    assert len(listed("cfn-guard", "own domains")) <= MOST


def test_cdk_nags_aws_solutions_hold_but_for_what_is_listed(kind: str, folder: Path) -> None:
    assert {*nag(folder)} == listed("cdk-nag", kind)
    assert len(listed("cdk-nag", "own domains")) <= MOST


@pytest.mark.parametrize(("deployed", "title"), [("own domains", "with own domains"), ("trial", "a trial at all defaults")])
def test_the_page_counts_what_it_lists(deployed: str, title: str) -> None:
    (counts,) = re.findall(rf"^\| {title}[^|]*((?:\| \d+ )+)\|$", (ROOT / "docs/security.md").read_text(), re.M)
    tools = ("checkov", "cfn-guard", "cdk-nag")
    assert [int(each) for each in counts.split("|")[1:]] == [len(listed(tool, deployed)) for tool in tools]


def test_each_rule_set_finds_what_is_wrong_with_a_poor_template(poor: Path) -> None:
    assert {each["check_id"] for each in checkov(poor)["failed_checks"]} >= {"CKV_AWS_27"}
    assert guard(poor) >= {"sqs_queue_encrypted_check", "sqs_dlq_check"}
    assert nag(poor)["AwsSolutions-SQS3"] == {"Open"}
    assert cfn_lint(poor / "poor.json") == []
    (poor / "poor.json").write_text(json.dumps(POOR).replace("SqsManagedSseEnabled", "NoSuchProperty"))
    assert [each["Rule"]["Id"] for each in cfn_lint(poor / "poor.json")] == ["E3002"]
