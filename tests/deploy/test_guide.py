"""docs/deploy.md and docs/security.md against the templates: what they name exists, and what has to be named is."""

import re
from pathlib import Path

import pytest

from deploy.cloudformation import guide, pages
from deploy.cloudformation.generate import FOLDER
from tests.deploy.reading import template

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "deploy.md").read_text()
ROOT = template("foundation.json")
NUMBERS = {12: "twelve", 13: "thirteen", 14: "fourteen"}
OF_OTHERS = {"Dockerfile", "LimitExceeded"}


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
    answers = {each for asked in ROOT["Parameters"].values() for each in asked.get("AllowedValues", [])}
    said = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)`", GUIDE))
    assert said - {*ROOT["Parameters"], *ROOT["Outputs"], *answers} == OF_OTHERS


def test_the_numbers_of_files_and_stacks_are_those_of_the_release() -> None:
    files = len([*FOLDER.glob("*.json")])
    assert set(re.findall(r"(\d+) (?:JSON files|files|templates)", GUIDE)) == {str(files)}
    assert f"the root and {NUMBERS[len(ROOT['Resources'])]} nested stacks" in " ".join(GUIDE.split())


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
