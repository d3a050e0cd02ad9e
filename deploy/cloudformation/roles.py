"""The parts of docs/security.md that follow from the templates and manifests: what each role may do, and why."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.generate import FOLDER
from deploy.cloudformation.grants import Grant, grants
from deploy.cloudformation.house import Platform, Process, platform
from deploy.cloudformation.pages import filled, table
from deploy.cloudformation.resolved import read

OTHERS: Final[Mapping[str, str]] = {  # roles that are of no process of ours, and what they are for
    "ApiLogRole": "API Gateway writes its logs; AWS refuses one that does not reach every log group",
    "BackupRole": "AWS Backup reads tables and files, and writes none of them; restores use a role that is named then",
    "BuildRole": "CodeBuild reads the release, pushes the image, writes its log",
    "ElsewhereRole": "a function makes the stack front-waf in us-east-1, where the deployment is in another region",
    "ExecutionRole": "ECS fetches the image, reads settings and secrets, opens the log; no container has it",
    "FlowLogRole": "the VPC writes its flow log",
    "GuardsRole": "a function puts the stack policy on the stacks that hold data",
    "RotationRole": "a function rotates the keys that sign, and has containers start anew with them",
    "SettingsRole": "a function writes what each process is told",
    "WaitsRole": "a function starts the build of the image and waits for it",
}
ARN: Final = re.compile(r"arn:\$\{AWS::Partition\}:[a-z0-9-]+:(\$\{AWS::Region\}|\*)?:(\$\{AWS::AccountId\})?:")
SAID: Final = re.compile(r" of \w+( by \w+)?(?=,|$)| under \S+$")  # in a reason, what the row names already


def page() -> str:
    """The page, whose other parts are written by hand."""
    house = platform()
    return filled("security.md", {"processes": processes(house), "other-roles": other_roles()})


def processes(house: Platform) -> str:
    """A table for each process, folded."""
    return "\n\n".join(_process(house, process) for process in house.processes)


def _process(house: Platform, process: Process) -> str:
    own = grants(house, process)
    rows = [
        (service, f"`{'`, `'.join(verbs)}`", f"`{'`, `'.join(places)}`", "; ".join(reasons))
        for service, verbs, places, reasons in _rows(own)
    ]
    made = table(("service", "may", "on", "because of"), rows)
    return f"<details><summary>{process.name}: {len(own)} grants</summary>\n\n{made}\n\n</details>"


def _rows(own: tuple[Grant, ...]) -> Iterator[tuple[str, list[str], list[str], list[str]]]:
    """Grants by service; resources on which the same may be done for the same reasons are one row."""
    by_place: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for grant in own:
        by_place[grant.action.partition(":")[0], _short(grant.resource)].append(grant)
    alike: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (service, place), some in by_place.items():
        verbs = tuple(dict.fromkeys(each.action.partition(":")[2] for each in some))
        alike[service, verbs, tuple(dict.fromkeys(map(_why, some)))].append(place)
    for (service, verbs, reasons), places in sorted(alike.items()):
        yield service, list(verbs), sorted(places), list(reasons)


def _short(resource: str) -> str:
    short = ARN.sub("", resource).replace("${FilesBucketArn}", "files").replace("${DataKeyArn}", "the key of data")
    return short.replace("${Deployment}-", "").replace("${Deployment}/", "<deployment>/")


def _why(grant: Grant) -> str:
    return SAID.sub("", grant.reason) + (" (through other services alone)" if grant.condition else "")


def other_roles() -> str:
    """The roles that no process of ours has."""
    rows = [
        (f"`{name}`", file.removesuffix(".json"), _who(made), OTHERS[name], f"{len(_actions(made))} actions")
        for file, name, made in _roles()
        if name in OTHERS or file != "services.json"
    ]
    return table(("role", "stack", "who takes it", "what for", "how much"), sorted(rows))


def _roles() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        for name, made in read(path.name).get("Resources", {}).items():
            if made["Type"] == "AWS::IAM::Role":
                yield path.name, name, made["Properties"]


def _who(role: Mapping[str, Any]) -> str:
    return str(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"])


def _actions(role: Mapping[str, Any]) -> set[str]:
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    return {action for each in statements for action in each["Action"]}
