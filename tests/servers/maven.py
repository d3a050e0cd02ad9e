"""Java servers from Maven Central: their class path, fetched once and kept under .servers/."""

import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.running import ROOT
from tests.servers.starting import needed

KEPT = ROOT / ".servers"
REMEDY = "this needs Java 17 and Maven (on Debian: apt-get install openjdk-17-jre-headless maven)"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{dependencies}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>{}</dependency>"


@cache
def jars(name: str, *coordinates: str) -> str:
    """The class path of artifacts, given as `group:artifact:version` or `group:artifact:version:type`, with all they need.

    Several processes may ask at once; the first one fetches. Skips, or fails in CI, without Java and Maven.
    """
    needed(bool(shutil.which("java") and shutil.which("mvn")), REMEDY)
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    pom = folder / "pom.xml"
    wanted = POM.format(name=name, dependencies="".join(map(_dependency, coordinates)))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists() or pom.read_text() != wanted:
            pom.write_text(wanted)
            fetched = subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/jars"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert fetched.returncode == 0, fetched.stdout[-3000:]
            (folder / "complete").touch()
    return f"{folder / 'jars'}/*"


def _dependency(coordinate: str) -> str:
    group, artifact, version, *kind = coordinate.split(":")
    return DEPENDENCY.format(group, artifact, version, f"<type>{kind[0]}</type>" if kind else "")


def folder_of(name: str) -> Path:
    """Where what was fetched under this name lies."""
    return KEPT / name / "jars"
