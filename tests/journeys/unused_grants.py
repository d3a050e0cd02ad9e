"""Grants that the journey does not use, as docs/grants.md lists them: by process and manifest, with the reason of each."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from deploy.cloudformation.grants import Grant, grants
from deploy.cloudformation.house import Platform
from tests.running import ROOT
from tests.servers.aws_calls import Need
from tests.servers.moto import ACCOUNT, REGION
from tests.servers.policies import unused

PAGE: Final = ROOT / "docs" / "grants.md"
BEGIN: Final = "<!-- what follows is written by tests/journeys/test_aws_journey.py -->"
OF_AWS: Final = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}

Row = tuple[str, str, str]  # process, action, and on what


def idle(platform: Platform, found: Mapping[str, set[Need]], given: Mapping[str, str]) -> Iterator[tuple[str, Grant]]:
    """Each process with each of its grants that it has not used."""
    for process in platform.processes:
        for grant in unused(grants(platform, process), found.get(process.name, ()), {**OF_AWS, **given}):
            yield process.name, grant


def place(grant: Grant) -> str:
    """What a grant is on, in short: without what all ARNs begin with, and without the deployment's name."""
    last = grant.resource.replace("${FilesBucketArn}/", "").rpartition(":")[2]
    return last.removeprefix("table/").replace("${Deployment}-", "").replace("${Deployment}/", "").strip("{}$")


def row(process: str, grant: Grant) -> Row:
    """A grant as the page knows it."""
    return process, grant.action, place(grant)


def figures(platform: Platform, some: set[Row]) -> str:
    """How many there are."""
    return f"{len(some)} of {len(rows(platform))} grants of {len(platform.processes)} processes:"


def listed(some: Mapping[str, list[Grant]]) -> Iterator[str]:
    """The lines of the page after its figures."""
    for process, own in some.items():
        yield from ("", f"## {process}", "", "| action | on | declared by | reason |", "|---|---|---|---|")
        together: dict[tuple[str, str], list[Grant]] = {}
        for grant in own:
            together.setdefault((grant.action, grant.source), []).append(grant)
        for (action, source), alike in sorted(together.items()):
            places = ", ".join(f"`{each}`" for each in sorted(map(place, alike)))
            reasons = dict.fromkeys(grant.reason.partition(" of ")[0].partition(" under ")[0] for grant in alike)
            yield f"| {action} | {places} | {source} | {'; '.join(reasons)} |"


def written(page: str) -> set[Row]:
    """The rows of a page."""
    found: set[Row] = set()
    process = ""
    for line in page.partition(BEGIN)[2].splitlines():
        if line.startswith("## "):
            process = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| action "):
            action, places, *_ = line.strip("| ").split(" | ")
            found.update((process, action, each.strip("`")) for each in places.split(", "))
    return found


def rows(platform: Platform) -> set[Row]:
    """All that the page could list."""
    return {row(process.name, grant) for process in platform.processes for grant in grants(platform, process)}


def write(platform: Platform, idle: set[Row], path: Path = PAGE) -> None:
    """Put these on the page as well, under what it says of itself; what is no grant any more leaves it."""
    page = path.read_text()
    kept = idle | written(page)
    some = {
        process.name: [grant for grant in grants(platform, process) if row(process.name, grant) in kept]
        for process in platform.processes
    }
    own = {row(name, grant) for name, grants in some.items() for grant in grants}
    path.write_text("\n".join([page.partition(BEGIN)[0] + BEGIN, "", figures(platform, own), *listed(some), ""]))
