"""Stores and indexes where records are in DynamoDB: the same tests, in a process whose records are there."""

import os
import subprocess
import sys

from foundation.apps import Foundation
from foundation.settings import HOUSE
from tests.running import ROOT, tethered
from tests.servers.dynamodb import Dynamo

DEPLOYMENT = "stores"
TESTS = ("tests/vectors/test_stores.py", "tests/vectors/test_stores_removed.py")


def test_stores_and_indexes_are_made_and_removed_as_on_this_machine(dynamo: Dynamo) -> None:
    kinds = [*Foundation.records, *(kind for each in HOUSE.capabilities for kind in each.manifest.records)]
    own = {**dynamo.environment, "DEPLOYMENT": DEPLOYMENT, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    command = [sys.executable, "-m", "pytest", "-p", "tests.servers.in_dynamo", *TESTS]
    with dynamo.tables(DEPLOYMENT, kinds):
        ran = subprocess.run(
            tethered(command), cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-1000:]
    assert " passed" in ran.stdout
