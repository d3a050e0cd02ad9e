"""A deployment without an account: processes with PLATFORM=aws that stand on the servers of these tests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cloudformation.house import platform
from tests.conftest import free_port
from tests.running import ROOT
from tests.servers.dynamodb import Dynamo
from tests.servers.moto import Moto
from tests.servers.starting import server, started


@dataclass(frozen=True)
class Deployment:
    """The Cognito pool of its applications, and what each of its processes is told."""

    pool: str
    home: Path
    told: Mapping[str, str]

    def manage(self, *arguments: str, serve: str = "applications") -> str:
        """The output of a manage.py command in a process of the deployment; fails when the command does."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.told, "SERVE": serve},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def onboard(self, name: str) -> Mapping[str, Any]:
        """A new application's credentials, as the command tells them."""
        made: Mapping[str, Any] = json.loads(self.manage("apps", "create", name, "--json"))
        return made

    @contextmanager
    def serving(self, capability: str, port: int | None = None, **changed: str) -> Iterator[str]:
        """The URL of a web process of one capability."""
        own = port or free_port()
        told = {**self.told, "SERVE": capability, "PORT": str(own), "HOST": "127.0.0.1", **changed}
        with server([sys.executable, "manage.py", "web"], own, self.home / f"{capability}.log", environment=told):
            yield f"http://127.0.0.1:{own}"

    @contextmanager
    def working(self, capability: str, **changed: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker of one capability's queues, which ends as an operator ends it: what it polled for is not lost with it."""
        told = {**os.environ, **self.told, "SERVE": capability, **changed}
        with started([sys.executable, "manage.py", "worker"], self.home / f"{capability}-worker.log", told) as process:
            yield process
            process.terminate()
            process.wait(60)


@contextmanager
def deployment(name: str, home: Path, moto: Moto, dynamo: Dynamo) -> Iterator[Deployment]:
    """A deployment with all tables, and a pool for its applications."""
    pool = moto.pool(name)
    told = {
        **dynamo.environment,
        **moto.environment,
        **moto.told,
        **moto.told_of(pool),
        "DEPLOYMENT": name,
        "FOUNDATION_HOME": str(home),
    }
    with dynamo.tables(name, platform().records):
        yield Deployment(pool, home, told)
