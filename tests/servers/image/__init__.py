"""What makes a process of this machine import no more than one in the image of the release could."""

import re
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.running import ROOT

FOLDER = Path(__file__).parent
OF_PYTHON = frozenset({"pip", "setuptools"})  # come with it
NOT_COPIED = ("cookbook", "deploy", "tests")  # of this repository, by the Dockerfile


@cache
def environment() -> dict[str, str]:
    """The variables of a process that has the packages of requirements.txt and what the Dockerfile copies, and no others."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    there = {normal(name) for name in pinned} | OF_PYTHON
    absent = [name for name, owners in packages_distributions().items() if not there & {normal(each) for each in owners}]
    return {"PYTHONPATH": str(FOLDER), "ABSENT_FROM_IMAGE": " ".join([*absent, *NOT_COPIED])}


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
